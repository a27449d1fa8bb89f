package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/durable"
)

// outboxFolder holds a file for each message that is promised and not known to
// be at its listener: the folder is the queue.
func outboxFolder(state string) string { return filepath.Join(state, "outbox") }

// entry is the place of a message in the outbox, which is its file's name: in
// the order of the names messages are sent, and what is asked of all of them is
// answered without reading one.
type entry struct {
	name     string
	priority int
	queued   time.Time
	expires  time.Time // from then on it is dropped
	target   string    // who shall have it: endpoints and key, as a digest
	promise  string    // of which promise it is, as a digest
}

// newEntry makes a place that nobody has.
func newEntry(j job, now time.Time) entry {
	var unique [4]byte
	rand.Read(unique[:])
	target := digestOf(append([]string{j.to.key}, j.endpoints()...)...)
	e, _ := parseEntry(fmt.Sprintf("%d-%016x-%010x-%s-%s-%s%s", j.priority, max(now.UnixNano(), 0), now.Add(j.expires).Unix(),
		target, j.identity(), hex.EncodeToString(unique[:]), entrySuffix))
	return e
}

const entrySuffix = ".json"

// identity names the promise whatever it says at the moment.
func (j job) identity() string {
	return digestOf(append([]string{j.promiser, j.schema.ID}, j.endpoints()...)...)
}

// digestOf names several texts as one, in 24 hexadecimal digits.
func digestOf(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:12])
}

func (e entry) file(state string) string { return filepath.Join(outboxFolder(state), e.name) }

func parseEntry(name string) (e entry, ok bool) {
	parts := strings.Split(strings.TrimSuffix(name, entrySuffix), "-")
	if len(parts) != 6 || !strings.HasSuffix(name, entrySuffix) {
		return e, false
	}
	var numbers [3]int64
	for i := range numbers {
		n, err := strconv.ParseInt(parts[i], 16, 64)
		if err != nil {
			return e, false
		}
		numbers[i] = n
	}
	return entry{name: name, priority: int(numbers[0]), queued: time.Unix(0, numbers[1]).UTC(),
		expires: time.Unix(numbers[2], 0).UTC(), target: parts[3], promise: parts[4]}, true
}

// outboxEntries are the messages that wait, the most urgent first, and the
// names of files that are none.
func outboxEntries(state string) (all []entry, strange []string, err error) {
	files, err := os.ReadDir(outboxFolder(state)) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	for _, f := range files {
		if e, ok := parseEntry(f.Name()); ok {
			all = append(all, e)
		} else if !strings.HasPrefix(f.Name(), ".") { // else it is being written
			strange = append(strange, f.Name())
		}
	}
	return all, strange, err
}

// keepWaiting puts messages on disk, in their order, and returns when they are
// there; none is there when it fails. The folder is synced once.
func (m *messages) keepWaiting(j job, parcels []parcel, why error) ([]entry, error) {
	state, now := m.work.state(), m.now().UTC()
	var kept []entry
	err := durable.MakeFolder(outboxFolder(state))
	for i, p := range parcels {
		var data []byte
		if err == nil {
			data, err = newWaiting(j, p, now, why).encode()
		}
		e := newEntry(j, now.Add(time.Duration(i))) // a nanosecond apart: in this order
		if err == nil {
			err = durable.Replace(e.file(state), data)
		}
		if err != nil {
			break
		}
		kept = append(kept, e)
	}
	if err == nil {
		err = durable.SyncFolder(outboxFolder(state))
	}
	if err != nil {
		for _, e := range kept {
			_ = os.Remove(e.file(state)) // the promise says that nothing waits
		}
		return nil, fmt.Errorf("put it into the outbox: %w", err)
	}
	return kept, nil
}

// waitingOf lists what waits of a promise that says what is, as it is before
// something newer comes: two agents at once that looked only afterwards would
// each drop the other's.
func (m *messages) waitingOf(j job) (older []entry, err error) {
	if j.repeat != repeatChanged {
		return nil, nil // each message says something of its own
	}
	all, _, err := outboxEntries(m.work.state())
	promise := j.identity()
	return slices.DeleteFunc(all, func(e entry) bool { return e.promise != promise }), err
}

// supersede drops what waits of a promise that says something else since. What
// comes back after a power failure is sent, and the listener knows it for older.
func (m *messages) supersede(older []entry) (err error) {
	for _, e := range older {
		// What was to be sent always is not replaced.
		if w, failed := readWaiting(e.file(m.work.state())); failed == nil && w.Repeat == repeatChanged {
			err = errors.Join(err, removeFile(e.file(m.work.state())))
		}
	}
	return err
}

func removeFile(file string) error {
	err := os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
