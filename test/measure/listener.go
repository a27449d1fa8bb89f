package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// listener is a cf-messaged with an empty queue.
type listener struct {
	*child
	state string
}

// listenerConfig serves the nodes' signed messages and the bare ones of the
// first client. Pattern and handlers are filled in.
const listenerConfig = `listeners:
  - pattern: %s
    bind: [tcp://127.0.0.1:0]
feeds:
  host:
    from: trusted
    unsigned: true
    handlers: [%s]
`

// startListener serves one pattern. handlers are written as in the
// configuration.
func (s *stage) startListener(ctx context.Context, pattern, handlers string) (*listener, error) {
	dir, err := os.MkdirTemp(s.dir, "listener-")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "cf-messaged.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, listenerConfig, pattern, handlers), 0o600); err != nil {
		return nil, err
	}
	l := &listener{state: filepath.Join(dir, "state")}
	program := filepath.Join(s.bin, "cf-messaged")
	cmd := exec.CommandContext(ctx, program, "run", "--config", config, "--state", l.state, "--keys", s.keys())
	l.child, err = startChild(cmd, filepath.Join(dir, "log"))
	return l, err
}

// remove ends the listener and frees the disk; what it cannot remove now, the
// stage does at its end.
func (l *listener) remove() {
	l.stop()
	_ = os.RemoveAll(filepath.Dir(l.state))
}

// commits is how many transactions SQLite has written since the listener
// began: iChange of the WAL index (https://www.sqlite.org/walformat.html
// section 2.1), which is in the machine's byte order.
func (l *listener) commits() (uint32, error) {
	f, err := os.Open(filepath.Join(l.state, "queue.db-shm"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var number [4]byte
	_, err = f.ReadAt(number[:], 8)
	return binary.NativeEndian.Uint32(number[:]), err
}

// holds makes sure that so many messages are in the queue.
func (l *listener) holds(ctx context.Context, want int64) error {
	r, err := queue.OpenReader(l.state)
	if err != nil {
		return err
	}
	defer r.Close()
	has, err := r.Counts(ctx)
	if err == nil && has.Messages != want {
		err = fmt.Errorf("the queue holds %d messages, %d were acknowledged", has.Messages, want)
	}
	return err
}

// lull is how long nothing must have come until what is missing is lost.
const lull = 3 * time.Second

// has waits until the load's last message is in the queue, or nothing comes
// any more.
func (l *listener) has(ctx context.Context, load *load) (arrival, error) {
	r, err := queue.OpenReader(l.state)
	if err != nil {
		return arrival{}, err
	}
	defer r.Close()
	sent := min(int(load.next.Load()), len(load.envelopes.frames))
	last := arrival{at: time.Now()}
	for last.count < sent && time.Since(last.at) < lull {
		has, err := r.Counts(ctx)
		if err != nil {
			return last, err
		}
		if int(has.Messages) > last.count {
			last = arrival{count: int(has.Messages), at: time.Now()}
			continue
		}
		time.Sleep(2 * time.Millisecond)
	}
	return last, nil
}
