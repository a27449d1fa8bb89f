package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// waiting is one message of the outbox: what was promised, and not yet known
// to be at the listener. It is a file, so the folder is the queue.
type waiting struct {
	Promiser  string        `json:"promiser"`
	Pattern   string        `json:"pattern"`
	To        []string      `json:"to"`
	Key       string        `json:"key,omitempty"`
	Timeout   time.Duration `json:"timeout"`
	Retries   int           `json:"retries"`
	Repeat    string        `json:"repeat"`
	Sign      bool          `json:"sign"`
	EncryptTo string        `json:"encrypt_to,omitempty"`
	Priority  int           `json:"priority"`
	ReplyFile string        `json:"reply_file"`
	Provide   bool          `json:"provide,omitempty"`
	QueuedAt  time.Time     `json:"queued_at"`
	ExpiresAt time.Time     `json:"expires_at"`
	Frame     string        `json:"frame"` // the envelope, or the bare container; it is encrypted when it travels

	file string
}

// outboxFolder holds the files; their names sort as they are to be sent, by
// priority and then by age.
func outboxFolder(state string) string { return filepath.Join(state, "outbox") }

// keepWaiting puts a parcel on disk before anything is said about it.
func (m *messages) keepWaiting(j job, p parcel) (waiting, error) {
	now := m.now().UTC()
	w := waiting{
		Promiser: j.promiser, Pattern: j.pattern, To: j.endpoints(), Key: j.to.key, Timeout: j.timeout, Retries: j.retries,
		Repeat: j.repeat, Sign: j.sign, EncryptTo: j.encryptTo, Priority: j.priority, ReplyFile: j.replyFile, Provide: j.provide, QueuedAt: now, ExpiresAt: now.Add(j.expires), Frame: string(p.frame),
	}
	var unique [8]byte
	rand.Read(unique[:])
	name := fmt.Sprintf("%d-%016x-%s.json", j.priority, now.UnixNano(), hex.EncodeToString(unique[:]))
	w.file = filepath.Join(outboxFolder(m.work.state()), name)
	data, err := json.Marshal(w)
	if err != nil {
		return w, err
	}
	return w, writeDurably(w.file, data)
}

// done takes a message out of the outbox. The folder is not synced: what
// comes back after a power failure is sent again, and stored once.
func (w waiting) done() error {
	err := os.Remove(w.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another agent of this host settled it
	}
	return err
}

// maxResent bounds how many waiting messages a run takes up.
const maxResent = 1000

// waitingMessages reads the outbox, the most urgent first. A file that cannot
// be read is told and passed over: it holds up nothing.
func waitingMessages(state string) (all []waiting, faults []error) {
	folder := outboxFolder(state)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{err}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || len(all) == maxResent {
			continue
		}
		w, err := readWaiting(filepath.Join(folder, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another agent of this host settled it
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, w)
	}
	return all, faults
}

func readWaiting(file string) (waiting, error) {
	w := waiting{file: file}
	data, err := os.ReadFile(file)
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return w, fmt.Errorf("%s is damaged (%w): look at it, and remove it", file, err)
	}
	return w, nil
}

// job makes the promise's job anew from what was kept, with its parcel.
func (w waiting) job() (job, parcel, error) {
	p := parcel{frame: []byte(w.Frame)}
	payload := p.frame
	if !message.IsBare(p.frame) {
		var err error
		if payload, err = message.Payload(p.frame); err != nil {
			return job{}, p, fmt.Errorf("%s is damaged: %w", w.file, err)
		}
	}
	c, err := message.Decode(payload, receiptLimits)
	if err != nil {
		return job{}, p, fmt.Errorf("%s is damaged: %w", w.file, err)
	}
	p.id = c.MessageID
	a := tableDefaults()
	a.content, a.pattern, a.timeout, a.retries, a.repeat, a.sign, a.replyFile, a.provide =
		c.Content, w.Pattern, w.Timeout, w.Retries, w.Repeat, w.Sign, w.ReplyFile, w.Provide
	a.encryptTo = w.EncryptTo
	a.to = target{endpoints: w.To, key: w.Key}
	return job{attributes: a, promiser: w.Promiser, schema: &schemas.Schema{ID: c.Schema, Version: c.Version}}, p, nil
}
