package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// waiting is one message of the outbox, as it stands in its file: the promise's
// part that delivery needs, and what travels. It is never changed.
type waiting struct {
	Promiser  string        `json:"promiser"`
	Pattern   string        `json:"pattern"`
	To        []string      `json:"to"`
	Key       string        `json:"key,omitempty"`
	ServerKey string        `json:"server_key,omitempty"`
	Enrol     []string      `json:"enrol,omitempty"`
	Topic     string        `json:"topic"`
	Receipt   bool          `json:"receipt,omitempty"`
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
	Why       string        `json:"why,omitempty"` // it waits
	Frame     string        `json:"frame"`         // the envelope, or the bare container; it is encrypted when it travels
}

func newWaiting(j job, p parcel, now time.Time, why error) waiting {
	w := waiting{
		Promiser: j.promiser, Pattern: j.pattern, To: j.endpoints(), Key: j.to.key, ServerKey: j.to.serverKey, Enrol: j.to.enrol, Topic: j.topic, Receipt: j.receipt,
		Timeout: j.timeout, Retries: j.retries, Repeat: j.repeat, Sign: j.sign, EncryptTo: j.encryptTo, Priority: j.priority,
		ReplyFile: j.replyFile, Provide: j.provide, QueuedAt: now, ExpiresAt: now.Add(j.expires), Frame: string(p.frame),
	}
	if why != nil {
		w.Why = why.Error()
	}
	return w
}

// encode gives the file's bytes: one line of JSON, and one with its digest,
// which shows any damage.
func (w waiting) encode() ([]byte, error) {
	data, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	return withDigest(data), nil
}

// withDigest puts a line with its digest below a line.
func withDigest(line []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s\n", line, sumOf(line))
}

// errDigest: the bytes are not those that were written.
var errDigest = errors.New("its digest does not fit")

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func decodeWaiting(data []byte) (w waiting, err error) {
	line, sum, whole := bytes.Cut(data, []byte("\n"))
	if !whole || string(sum) != sumOf(line)+"\n" {
		return w, errDigest
	}
	return w, json.Unmarshal(line, &w)
}

func readWaiting(file string) (waiting, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return waiting{}, err
	}
	return decodeWaiting(data)
}

// job makes the promise's job anew from what was kept, with its parcel.
func (w waiting) job() (job, parcel, error) {
	p := parcel{frame: []byte(w.Frame)}
	c, err := w.container()
	if err != nil {
		return job{}, p, err
	}
	p.id = c.MessageID
	a := tableDefaults()
	a.content, a.pattern, a.topic, a.receipt, a.timeout, a.retries, a.repeat, a.sign, a.encryptTo, a.priority, a.replyFile, a.provide =
		c.Content, w.Pattern, w.Topic, w.Receipt, w.Timeout, w.Retries, w.Repeat, w.Sign, w.EncryptTo, w.Priority, w.ReplyFile, w.Provide
	a.to = target{endpoints: w.To, key: w.Key, serverKey: w.ServerKey, enrol: w.Enrol}
	return job{attributes: a, promiser: w.Promiser, schema: &schemas.Schema{ID: c.Schema, Version: c.Version}}, p, nil
}

// container is the message itself.
func (w waiting) container() (message.Container, error) {
	payload, err := message.Payload([]byte(w.Frame))
	if err != nil {
		return message.Container{}, err
	}
	return message.Decode(payload, receiptLimits)
}

// claimed is a waiting message that this process alone deals with, until it
// lets go or ends.
type claimed struct {
	waiting
	entry
	path string
	f    *os.File
}

// errTaken: another agent of this host deals with the message, or has.
var errTaken = errors.New("another agent of this host has it")

// claim takes a message of the outbox. The lock is the file's own, so that it
// ends with this process, however that ends.
func claim(state string, e entry) (*claimed, error) {
	c := &claimed{entry: e, path: e.file(state)}
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	c.f = f
	if err := c.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

func (c *claimed) read() error {
	err := unix.Flock(int(c.f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errTaken
	}
	var stat unix.Stat_t
	if err == nil {
		err = unix.Fstat(int(c.f.Fd()), &stat)
	}
	if err == nil && stat.Nlink == 0 {
		return errTaken // it was settled between the look and the lock
	}
	var data []byte
	if err == nil {
		data, err = io.ReadAll(c.f)
	}
	if err == nil {
		c.waiting, err = decodeWaiting(data)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged (%w): look at it, and remove it by messages outbox purge %s", c.path, err, c.name)
	}
	return nil
}

// letGo leaves the message where it is.
func (c *claimed) letGo() { c.f.Close() }

// done takes the message out of the outbox, where its promise has not superseded
// it meanwhile. The folder is not synced: what comes back after a power failure
// is sent again, and stored once.
func (c *claimed) done() error {
	defer c.f.Close()
	return removeFile(c.path)
}

// addressedTo finds the keys that a waiting message needs on its way.
func (m *messages) addressedTo(ctx context.Context, j job, p parcel) (parcel, error) {
	to, err := m.addressed(ctx, j)
	p.key, p.recipient, p.client = to.key, to.recipient, to.client
	return p, err
}
