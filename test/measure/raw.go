package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/webhuis/cfengine-messages/zmq"
)

// rawRate is how many messages a second the pattern's sockets carry between
// two processes of libzmq and nothing else, in C (testdata/raw.c).
func (s *stage) rawRate(ctx context.Context, p pattern, size int) (float64, error) {
	window, count := strconv.Itoa(p.Window), strconv.Itoa(p.alone)
	receiver, err := startChild(exec.CommandContext(ctx, s.raw, p.Name, window, count), filepath.Join(s.dir, "raw.log"))
	if err != nil {
		return 0, err
	}
	defer receiver.stop()
	said, err := s.output(ctx, s.raw, p.Name, window, count, receiver.endpoint, strconv.Itoa(size))
	if err != nil {
		return 0, err
	}
	select {
	case <-receiver.ended:
	case <-time.After(patience):
		return 0, errors.New("libzmq alone: not everything that was sent has arrived")
	}
	if p.Window == 0 {
		text, err := os.ReadFile(receiver.log)
		if err != nil {
			return 0, err
		}
		said = string(text)
	}
	return rateIn(said, p.alone)
}

var seconds = regexp.MustCompile(`seconds ([0-9.]+)`)

func rateIn(said string, count int) (float64, error) {
	found := seconds.FindStringSubmatch(said)
	if found == nil {
		return 0, fmt.Errorf("libzmq alone says %q, and not how long it took", said)
	}
	took, err := strconv.ParseFloat(found[1], 64)
	return float64(count) / took, err
}

// rawSize is about that of an envelope, in bytes.
const rawSize = 900

// publishRaw is a process of libzmq alone that publishes one message to a
// subscriber of this process.
func (s *stage) publishRaw(ctx context.Context) (time.Duration, error) {
	server, err := zmq.Listen(zmq.ServerOptions{Pattern: "publish", Binds: []string{"tcp://127.0.0.1:0"}})
	if err != nil {
		return 0, err
	}
	serving, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, ended := make(chan time.Time, 1), make(chan error, 1)
	go func() {
		ended <- server.Serve(serving, func(q zmq.Request) { q.Drop(); got <- time.Now(); cancel() })
	}()
	time.Sleep(alone)
	began := time.Now()
	_, err = s.output(ctx, s.raw, "publish", "0", "1", server.Endpoints()[0], strconv.Itoa(rawSize))
	if err != nil {
		cancel() // else the message does
	}
	if err = errors.Join(err, <-ended); err != nil {
		return 0, err
	}
	select {
	case at := <-got:
		return at.Sub(began), nil
	default:
		return 0, errors.New("libzmq alone: what was published has not arrived")
	}
}
