package zmq

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pebbe/zmq4"
)

// answer is how one request ended.
type answer struct {
	route   route
	payload []byte
	send    bool  // false: ended without an answer
	size    int64 // of the request
}

// answers is the way from the handlers' goroutines to the one that has the ROUTER: a list, and a pair of sockets that
// wakes the other side out of its poll (facts/zeromq.md 3.2). One frame wakes for all that gathers until it is read.
// The list is no longer than the number of open requests.
type answers struct {
	mu      sync.Mutex
	waiting []answer
	woken   bool
	closed  bool
	far     *zmq4.Socket // sends the wake-ups; used under mu

	near *zmq4.Socket // the polling side's; only that uses it
}

func newAnswers(zctx *zmq4.Context) (*answers, error) {
	near, err := zctx.NewSocket(zmq4.PAIR)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	far, err := zctx.NewSocket(zmq4.PAIR)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket: %w", err), near.Close())
	}
	a := &answers{near: near, far: far}
	if err := errors.Join(near.Bind("inproc://answers"), far.Connect("inproc://answers")); err != nil {
		a.close()
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	return a, nil
}

// put adds an answer; after close it is dropped.
func (a *answers) put(one answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.waiting = append(a.waiting, one)
	a.wakeLocked()
}

// wake ends the other side's poll.
func (a *answers) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.wakeLocked()
	}
}

// wakeLocked sends at most one frame that is not yet read. Should it fail, the next answer makes up for it, or the
// end of the other side's wait.
func (a *answers) wakeLocked() {
	if !a.woken {
		a.woken = sendFrames(a.far, nil) == nil
	}
}

// take gives what has gathered since the last take. The frame is read before the list is: an answer put in between
// wakes once more, in vain at worst.
func (a *answers) take() []answer {
	for err := error(nil); err == nil; {
		_, _, err = receiveFrame(a.near)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	gathered := a.waiting
	a.waiting, a.woken = nil, false
	return gathered
}

func (a *answers) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed, a.waiting = true, nil
	_ = a.far.Close()
	_ = a.near.Close()
}
