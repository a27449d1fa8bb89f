package zmq

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pebbe/zmq4"
)

// waker is a pair of sockets that brings the goroutine in charge of a socket out of its poll (facts/zeromq.md 3.2).
// One frame wakes for all that gathers until it is read.
type waker struct {
	near *zmq4.Socket // in the poll of the goroutine in charge; only that uses it

	mu     sync.Mutex
	far    *zmq4.Socket // sends the wake-ups
	woken  bool
	closed bool
}

// wakers counts them, for an address that no other has.
var wakers atomic.Uint64

func newWaker(zctx *zmq4.Context) (*waker, error) {
	near, err := zctx.NewSocket(zmq4.PAIR)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	far, err := zctx.NewSocket(zmq4.PAIR)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket: %w", err), near.Close())
	}
	w := &waker{near: near, far: far}
	address := fmt.Sprintf("inproc://waker-%d", wakers.Add(1))
	if err := errors.Join(bind(near, address), connect(far, address)); err != nil {
		w.close()
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	return w, nil
}

// wake ends the other side's poll, this one or the next. At most one frame is under way; should it fail, the next wake
// makes up for it, or the end of the other side's wait. After close it does nothing.
func (w *waker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && !w.woken {
		w.woken = sendFrames(w.far, nil) == nil
	}
}

// rest takes in the wake-ups. Who calls it looks at what has gathered afterwards: what comes in between wakes once
// more, in vain at worst.
func (w *waker) rest() {
	for err := error(nil); err == nil; {
		_, _, err = receiveFrame(w.near)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = false
}

func (w *waker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	_ = w.far.Close()
	_ = w.near.Close()
}
