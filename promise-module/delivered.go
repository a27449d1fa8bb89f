package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/webhuis/cfengine-messages/durable"
)

// delivered is what the node remembers of the last delivery of a promise:
// enough to know whether the listener holds this content, proved as the promise
// now wants it.
type delivered struct {
	Promiser string    `json:"promiser"`
	Schema   string    `json:"schema"`
	Version  string    `json:"version"`
	To       []string  `json:"to"`
	Key      string    `json:"key,omitempty"`        // of the listener, as policy names it
	Server   string    `json:"server_key,omitempty"` // its CURVE key, the same
	Signed   bool      `json:"signed"`
	Content  string    `json:"content"` // SHA-256 of the content by value
	Reply    string    `json:"reply"`   // where a view goes
	View     bool      `json:"view"`    // one came
	At       time.Time `json:"at"`
	Made     time.Time `json:"made"` // when the message was, which tells older from newer ones
	store              // where the receipt says that it lies
}

// deliveredFile names the memory of a promise by a digest: nothing that
// policy or the wire says becomes a file name.
func deliveredFile(state string, j job) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{j.promiser, j.schema.ID}, j.endpoints()...), "\x00")))
	return filepath.Join(state, "delivered", hex.EncodeToString(sum[:16])+".json")
}

// memory is the file's bytes for a delivery of the job; of last count the times,
// and whether a view came.
func (j job) memory(last delivered) ([]byte, error) {
	sum, err := contentDigest(j.content)
	if err != nil {
		return nil, err
	}
	return json.Marshal(delivered{Promiser: j.promiser, Schema: j.schema.ID, Version: j.schema.Version, To: j.endpoints(), Key: j.to.key, Server: j.to.serverKey,
		Signed: j.sign, Content: sum, Reply: j.replyFile, View: last.View, Made: last.Made, At: last.At, store: last.store})
}

// holds tells whether the listener holds what the job would send, by what
// this node remembers, and since when. Only the very bytes that this job would
// have left count: a memory that is damaged, or from the future (a clock set
// back), holds nothing, for sending once more does no harm.
func holds(state string, j job, now time.Time) (last delivered, held bool) {
	data, err := os.ReadFile(deliveredFile(state, j))
	if err != nil {
		return last, false
	}
	if json.Unmarshal(data, &last) != nil {
		return last, false
	}
	want, err := j.memory(last)
	if err != nil || !bytes.Equal(data, want) {
		return last, false
	}
	if _, err := os.Stat(j.replyFile); last.View && err != nil {
		return last, false // the view is wanted, and gone
	}
	age := now.Sub(last.At)
	return last, age >= 0 && age < j.refresh
}

// remember notes the delivery of a message that was made at that time, unless
// a newer one is noted: of several that arrive late the newest counts, as at the
// listener. A note from the future, by a clock that was set back, counts for
// nothing.
func (m *messages) remember(ctx context.Context, j job, a answer, made time.Time) error {
	state, now := m.work.state(), m.now()
	file := deliveredFile(state, j)
	unlock, err := durable.Lock(ctx, filepath.Join(state, "delivered.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	var last delivered
	if data, err := os.ReadFile(file); err == nil && json.Unmarshal(data, &last) == nil && last.Made.After(made) && !last.Made.After(now) {
		return nil
	}
	data, err := j.memory(delivered{View: a.receipt.View != nil, store: a.store(), Made: made.UTC(), At: now.UTC()})
	if err != nil {
		return err
	}
	return durable.Write(file, data)
}

// forget drops what was noted of another message of this promise, which the
// listener no longer holds, or may not hold. The folder is not synced: should the
// note come back after a power failure, refresh ends it.
func forget(state string, j job) error {
	file := deliveredFile(state, j)
	if _, err := os.Lstat(file); err != nil {
		return nil // nothing that anybody could read later
	}
	return removeFile(file)
}

// contentDigest compares content by value: order of keys and spacing do not
// matter, the spelling of numbers does, so that no digit is ever lost.
func contentDigest(content json.RawMessage) (string, error) {
	value := jsontext.Value(content).Clone()
	err := value.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	if err != nil {
		return "", fmt.Errorf("content: %w", err)
	}
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:]), nil
}
