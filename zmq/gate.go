package zmq

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"github.com/pebbe/zmq4"
)

// zapEndpoint is where libzmq asks, within each context by itself (ZeroMQ RFC 27).
const zapEndpoint = "inproc://zeromq.zap.01"

// gate answers libzmq's question, for each new CURVE connection of a context, whether it may be (ZAP). It is bound before
// the first socket that peers reach and closed after the last: libzmq lets everybody in where none is (facts/zeromq.md,
// trap 2). When its goroutine ends before its time its socket stays, so that nobody is let in; the owner then ends too.
type gate struct {
	admits func(client, address string) bool
	socket *zmq4.Socket // of the goroutine, until it has ended
	waker  *waker
	closed atomic.Bool
	ended  chan struct{} // closed with the goroutine's end
	err    error         // why it ended; to be read after that
	left   func()        // called with the goroutine's end
}

// openGate starts the gate of a context; left is told when it ends, from the gate's goroutine.
func openGate(zctx *zmq4.Context, c *CurveServer, left func()) (*gate, error) {
	g := &gate{admits: c.Admits, ended: make(chan struct{}), left: left}
	var err error
	if g.waker, err = newWaker(zctx); err != nil {
		return nil, err
	}
	if g.socket, err = zctx.NewSocket(zmq4.REP); err == nil {
		err = errors.Join(g.socket.SetLinger(0), bind(g.socket, zapEndpoint))
	}
	if err != nil {
		close(g.ended)
		g.close()
		return nil, fmt.Errorf("the socket that admits CURVE keys: %w", err)
	}
	go g.run()
	return g, nil
}

func (g *gate) run() {
	defer g.left()
	defer close(g.ended)
	defer func() {
		if p := recover(); p != nil {
			g.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	g.err = g.loop()
}

func (g *gate) loop() error {
	poller := zmq4.NewPoller()
	poller.Add(g.socket, zmq4.POLLIN)
	poller.Add(g.waker.near, zmq4.POLLIN)
	for !g.closed.Load() {
		if _, err := poll(poller, lastWait); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		g.waker.rest()
		if err := g.answer(); err != nil {
			return err
		}
	}
	return nil
}

// answer answers the requests that are there.
func (g *gate) answer() error {
	for !g.closed.Load() {
		request, count, err := receiveFrames(g.socket, zapFrames+1)
		if is(err, syscall.EAGAIN) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if count > zapFrames {
			request = nil // none that libzmq makes
		}
		if err := sendFrames(g.socket, answerZAP(request, g.admits)...); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// failure is why nobody is admitted any more; nil while all is well, and for a socket without CURVE.
func (g *gate) failure() error {
	if g == nil {
		return nil
	}
	select {
	case <-g.ended:
		return fmt.Errorf("nobody is admitted by CURVE any more: %w", errors.Join(g.err, errors.New("the gate has ended")))
	default:
		return nil
	}
}

// close ends the goroutine and gives its sockets back. The sockets that peers reach are closed by then.
func (g *gate) close() {
	if g == nil {
		return
	}
	g.closed.Store(true)
	g.waker.wake()
	<-g.ended
	if g.socket != nil {
		_ = g.socket.Close()
	}
	g.waker.close()
}
