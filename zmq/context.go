package zmq

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// slice is the longest a call waits inside libzmq, and so how late a canceled context is noticed.
const slice = 50 * time.Millisecond

// newContext makes a libzmq context for at most so many sockets (connections of a bound socket do not count).
func newContext(sockets int) (*zmq4.Context, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	zctx, err := zmq4.NewContext()
	if err != nil {
		return nil, fmt.Errorf("libzmq context: %w", err)
	}
	// By default pebbe repeats a wait that a signal ended, with its whole time-out again.
	zctx.SetRetryAfterEINTR(false)
	err = errors.Join(
		zctx.SetMaxSockets(sockets),
		zctx.SetIpv6(true),    // without it tcp://[::1] never connects, and says nothing
		zctx.SetBlocky(false), // linger 0 for every socket to come: what is given up goes with its socket, and no end hangs
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("libzmq context: %w", err), zctx.Term())
	}
	return zctx, nil
}

// lastWait bounds the end of a context, beyond any linger of its sockets.
const lastWait = 5 * time.Second

// terminate ends a context whose sockets are all closed. libzmq takes as long as their linger, and no end of a program
// may wait for it without a bound: what it has not let go of by then goes with the process.
func terminate(zctx *zmq4.Context) error {
	zctx.SetRetryAfterEINTR(true) // ended by a signal, pebbe would never try again
	ended := make(chan error, 1)
	go func() { ended <- zctx.Term() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(lastWait):
		return fmt.Errorf("libzmq did not end within %s", lastWait)
	}
}

// poll waits until a socket is readable, for at most d rounded up: libzmq counts whole milliseconds, and a wait of 0 in
// a loop burns a core. A signal ends it early, with nothing readable.
func poll(p *zmq4.Poller, d time.Duration) ([]zmq4.Polled, error) {
	readable, err := p.Poll(max(d, 0) + time.Millisecond)
	if is(err, syscall.EINTR) {
		return nil, nil
	}
	return readable, err
}

// pollUntil is poll for one slice, or for what is left of ctx; the error is ctx's when that has ended.
func pollUntil(ctx context.Context, p *zmq4.Poller) ([]zmq4.Polled, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := slice
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end))
	}
	return poll(p, d)
}
