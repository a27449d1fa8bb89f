package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/zmq"
)

// listener is a cf-messaged with an empty queue.
type listener struct {
	*child
	state string
	curve string // its public key; "" for curve: off
}

// serving is how a listener serves.
type serving struct {
	pattern  string // "" is request
	handlers string // of feed host, as written in the configuration
	reply    string // the view in its receipts; "" for none
	curve    string // off, any; "" is off
	keys     string // folder of the trusted keys; "" for the stage's
}

// config takes the nodes' signed messages and bare ones. The limits are those that
// stand in no load's way.
func (s serving) config() string {
	reply := ""
	if s.reply != "" {
		reply = "reply: " + s.reply
	}
	return fmt.Sprintf(`listeners:
  - pattern: %s
    bind: [tcp://127.0.0.1:0]
    curve: %s
feeds:
  host:
    from: trusted
    unsigned: true
    handlers: [%s]
    %s
  software: {from: trusted}
limits: {per_sender: 1000000/s, per_address: 1000000/s}
`, cmp.Or(s.pattern, "request"), cmp.Or(s.curve, "off"), s.handlers, reply)
}

// startListener serves one pattern. handlers are written as in the
// configuration.
func (s *stage) startListener(ctx context.Context, pattern, handlers string) (*listener, error) {
	return s.serve(ctx, serving{pattern: pattern, handlers: handlers})
}

// serve starts a listener with an empty queue.
func (s *stage) serve(ctx context.Context, o serving) (*listener, error) {
	l, err := s.lay(o)
	if err != nil {
		return nil, err
	}
	return l, s.start(ctx, l, o)
}

// lay makes the state folder of a listener that is not started yet.
func (s *stage) lay(o serving) (*listener, error) {
	dir, err := os.MkdirTemp(s.dir, "listener-")
	if err != nil {
		return nil, err
	}
	l := &listener{state: filepath.Join(dir, "state")}
	if err = os.Mkdir(l.state, 0o700); err == nil && o.curve != "" {
		l.curve, err = newCurvePair(l.state)
	}
	return l, err
}

// start starts a listener on the state that it has.
func (s *stage) start(ctx context.Context, l *listener, o serving) error {
	dir := filepath.Dir(l.state)
	config := filepath.Join(dir, "cf-messaged.yaml")
	if err := os.WriteFile(config, []byte(o.config()), 0o600); err != nil {
		return err
	}
	program := filepath.Join(s.bin, "cf-messaged")
	cmd := exec.CommandContext(ctx, program, "run", "--config", config, "--state", l.state, "--keys", cmp.Or(o.keys, s.keys()))
	var err error
	l.child, err = startChild(cmd, filepath.Join(dir, "log"))
	return err
}

// newCurvePair makes a listener's pair as init does, and gives the public half.
func newCurvePair(state string) (public string, err error) {
	secret, err := zmq.NewCurveSecret()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(state, "curve.key"), []byte(secret+"\n"), 0o600); err != nil {
		return "", err
	}
	return zmq.CurvePublic(secret)
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
	has, err := l.count(ctx)
	if err == nil && has != want {
		err = fmt.Errorf("the queue holds %d messages, %d were acknowledged", has, want)
	}
	return err
}

// count is how many messages are in the queue.
func (l *listener) count(ctx context.Context) (int64, error) {
	r, err := queue.OpenReader(l.state)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	has, err := r.Counts(ctx)
	return has.Messages, err
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
