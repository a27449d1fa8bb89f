package zmq

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pebbe/zmq4"
)

// ServerOptions are a Router's endpoints and limits; zero values give the defaults.
type ServerOptions struct {
	Binds []string // endpoints as ParseBind reads them, at least one

	// MaxMessage is the largest frame read, in bytes; DefaultMaxMessage. libzmq cuts the connection of who announces
	// more, without a word to anyone, so set it well above the limit that shall be answered with a refusal.
	// It does not limit the number of frames: libzmq gathers a message of many until its last one, and has no option
	// against a peer that never sends that. Only CURVE keeps strangers off, and a limit of the system on the process.
	MaxMessage int64

	// Outstanding is how many requests may be open, that is given to handle and not yet ended by Reply or Drop; 1024.
	// OutstandingBytes is the same for the sum of their sizes; 64 MiB, and one request may go over it. At either limit
	// the Router reads no more until some are ended, and in the end the peers' sends wait: nothing is lost.
	Outstanding      int
	OutstandingBytes int64

	Drain time.Duration // how long open requests may still be answered after Serve was told to end; 5 s
}

func (o ServerOptions) withDefaults() ServerOptions {
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.Outstanding <= 0 {
		o.Outstanding = 1024
	}
	if o.OutstandingBytes <= 0 {
		o.OutstandingBytes = 64 << 20
	}
	if o.Drain <= 0 {
		o.Drain = 5 * time.Second
	}
	return o
}

// Router is the listener's end of the request pattern: one ROUTER socket on all its endpoints. It serves REQ, REQ with
// REQ_CORRELATE, DEALER and this package's Client.
type Router struct {
	options ServerOptions
	zctx    *zmq4.Context
	socket  *zmq4.Socket
	answers *answers
	bound   []string
	unsent  atomic.Int64
	used    atomic.Bool // by Serve or Close, whichever came first

	// Of the goroutine in Serve.
	poller *zmq4.Poller
	open   int   // requests not yet ended
	held   int64 // the sum of their sizes
}

// Bind makes the sockets and binds them, so that an endpoint in use, or one that this host does not have, is an error
// here. Peers may connect at once; they are read from Serve on. A Router that is not served must be closed.
func Bind(o ServerOptions) (*Router, error) {
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	zctx, err := newContext(16) // the ROUTER and a few within the process; connections do not count
	if err != nil {
		return nil, err
	}
	r := &Router{options: o.withDefaults(), zctx: zctx, poller: zmq4.NewPoller()}
	if err := r.bind(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// bind makes every socket before the first peer can connect: made later, without file descriptors, one would fail.
func (r *Router) bind() (err error) {
	if r.answers, err = newAnswers(r.zctx); err != nil {
		return err
	}
	if r.socket, err = r.zctx.NewSocket(zmq4.ROUTER); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err = setServerOptions(r.socket, r.options); err != nil {
		return fmt.Errorf("socket options: %w", err)
	}
	r.poller.Add(r.socket, zmq4.POLLIN)
	r.poller.Add(r.answers.near, zmq4.POLLIN)
	r.bound, err = bindAll(r.socket, r.options.Binds)
	return err
}

// setServerOptions follows facts/zeromq.md 3.3.
func setServerOptions(s *zmq4.Socket, o ServerOptions) error {
	return errors.Join(
		s.SetMaxmsgsize(o.MaxMessage), // else any announced size is buffered, before the handshake even
		s.SetBacklog(4096),            // all nodes run at the same minute
		s.SetRcvhwm(readAhead),
		// A peer's window of answers, twice: libzmq gives room back in halves. Beyond it they are dropped, for the
		// peer does not read.
		s.SetSndhwm(2*max(o.Outstanding, 1000)),
		s.SetRouterMandatory(1), // an answer to a peer that has gone is an error, not silence
		// No ROUTER_HANDOVER: with a peer's identity a stranger would get its answers.
		s.SetHandshakeIvl(5*time.Second), // who connects and says nothing keeps a file descriptor
		// Dead peers: keepalive finds the idle ones, MAXRT those that owe us an acknowledgement. No ZMTP heartbeats: they
		// cut off peers whose program is merely slow (trap 5).
		s.SetTcpKeepalive(1), s.SetTcpKeepaliveIdle(60), s.SetTcpKeepaliveIntvl(10), s.SetTcpKeepaliveCnt(3),
		s.SetTcpMaxrt(30*time.Second),
	)
}

// readAhead is how many messages libzmq reads of one peer before Serve takes them: MaxMessage times this is what a peer
// can make the listener hold.
const readAhead = 100

// Endpoints are those that are really bound, in the order of ServerOptions.Binds, with the ports that the system chose.
// A name that has several addresses gives several.
func (r *Router) Endpoints() []string {
	return r.bound
}

// Unsent is how many answers could not be sent so far, because the peer had gone or did not read. From any goroutine.
func (r *Router) Unsent() int64 {
	return r.unsent.Load()
}

// Close gives the endpoints back where Serve was never called; after Serve it does nothing.
func (r *Router) Close() error {
	if r.used.Swap(true) {
		return nil
	}
	return r.end(0)
}

// end closes everything and returns when nothing of the Router is left, after linger at most: the time libzmq has to
// hand the last answers to the system.
func (r *Router) end(linger time.Duration) error {
	if r.socket != nil {
		_ = r.socket.SetLinger(linger)
		_ = r.socket.Close()
	}
	if r.answers != nil {
		r.answers.close()
	}
	return terminate(r.zctx)
}
