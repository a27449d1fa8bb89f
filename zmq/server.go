package zmq

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pebbe/zmq4"
)

// ServerOptions are a Server's endpoints and limits; zero values give the defaults.
type ServerOptions struct {
	Pattern string // request (also "" and async_request), publish, push or pair: DESIGN.md section 5

	// Binds are endpoints as ParseBind reads them, Connects as ParseEndpoint does; at least one of either. Connecting
	// goes on in the background for as long as Serve runs, with growing pauses up to 10 s, whatever becomes of the peer.
	// A name is looked up at the start and each minute: where it has several addresses, the first that answers is taken.
	Binds    []string
	Connects []string

	// Topics are the beginnings of those that a publish Server subscribes to; none means all. Others cannot be sent.
	Topics []string

	// Event is told what Serve goes on in spite of: a name to connect to that cannot be resolved. From any goroutine; nil
	// for nobody.
	Event func(error)

	// MaxMessage is the largest frame read, in bytes; DefaultMaxMessage. libzmq cuts the connection of who announces
	// more, without a word to anyone, so set it well above the limit that shall be answered with a refusal.
	// It does not limit the number of frames: see Unfinished.
	MaxMessage int64

	// Unfinished is how much memory the process may have before connections are ended over which more came than one
	// message may have, or the most of much, and no whole message; 256 MiB, or 16 times MaxMessage. libzmq gathers the frames of a message until
	// the last one, and has no option against a peer that never sends that. For tcp alone.
	Unfinished int64

	// Outstanding is how many requests may be open, that is given to handle and not yet ended by Reply or Drop; 1024.
	// OutstandingBytes is the same for the sum of their sizes; 64 MiB, and one request may go over it. At either limit
	// the Server reads no more until some are ended, and in the end the peers' sends wait: nothing is lost. Only publishers
	// do not wait, they drop what is not read (at most once: the gap shows in the sender's seq).
	Outstanding      int
	OutstandingBytes int64

	Handshake time.Duration // what a peer has for its handshake before it is cut off; 5 s

	Drain time.Duration // how long open requests may still be answered after Serve was told to end; 5 s

	// Curve has the Server speak CURVE only, as the one who proves itself to those who connect; CurveOf as the one who
	// connects, to whom the others prove themselves. One socket has one of the two roles, or with neither no CURVE at all.
	Curve   *CurveServer
	CurveOf *CurveClient
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
	if o.Unfinished <= 0 {
		o.Unfinished = max(DefaultUnfinished, unfinishedPart*o.MaxMessage) // one message at least may be under way
	}
	if o.Handshake <= 0 {
		o.Handshake = 5 * time.Second
	}
	if o.Drain <= 0 {
		o.Drain = 5 * time.Second
	}
	return o
}

// Server is the listener's end of a pattern: one socket on all its endpoints. Plain ZeroMQ programs can stand at the
// other end:
//
//	request   ROUTER  serves REQ, REQ with REQ_CORRELATE, DEALER and Client.Request
//	publish   SUB     takes [topic][payload], or [payload], from PUB, XPUB and Client.Publish
//	push      PULL    takes [payload] from PUSH and Client.Push
//	pair      PAIR    takes [payload] from one PAIR or Client.Pair at a time, and answers it
//
// libzmq gives a second PAIR no sign that another has the first's place: it can only tell by its missing receipt. Its
// connection ends when it leaves or, by TCP's keepalive, when it is gone for a minute and a half.
type Server struct {
	options ServerOptions
	side    side
	zctx    *zmq4.Context
	socket  *zmq4.Socket
	answers *answers
	moves   chan move
	bound   []string
	gate    *gate // nil without Curve
	guard   *guard
	unsent  atomic.Int64
	unknown atomic.Int64
	used    atomic.Bool // by Serve or Close, whichever came first

	// Of the goroutine in Serve.
	poller   *zmq4.Poller
	open     int      // requests not yet ended
	held     int64    // the sum of their sizes
	gathered []answer // room for what is sent at once
	frames   [][]byte // and for one of them
}

// Listen makes the sockets and binds them, so that an endpoint in use, or one that this host does not have, is an error
// here. Peers may connect at once; they are read from Serve on, which connects to those of Connects. A Server that is
// not served must be closed.
func Listen(o ServerOptions) (*Server, error) {
	side, err := sideOf(o.Pattern)
	if err != nil {
		return nil, err
	}
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	zctx, err := newContext(16) // the service's socket and a few within the process; connections do not count
	if err != nil {
		return nil, err
	}
	s := &Server{options: o.withDefaults(), side: side, zctx: zctx, moves: make(chan move, len(o.Connects)), poller: zmq4.NewPoller()}
	if err := s.bind(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// bind makes every socket before the first peer can connect: made later, without file descriptors, one would fail.
func (s *Server) bind() (err error) {
	if len(s.options.Binds)+len(s.options.Connects) == 0 {
		return errors.New("nothing to bind or to connect to: name at least one endpoint")
	}
	if n := len(s.options.Connects); s.side.kind == zmq4.PAIR && n > 0 && n+len(s.options.Binds) > 1 {
		return errors.New("a pair that connects has one endpoint: its peer's, which takes the only place there is")
	}
	for _, c := range s.options.Connects {
		if _, err := ParseEndpoint(c); err != nil {
			return err
		}
	}
	if s.answers, err = newAnswers(s.zctx); err != nil {
		return err
	}
	if err := s.openCurve(); err != nil {
		return err
	}
	if s.socket, err = s.zctx.NewSocket(s.side.kind); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err = errors.Join(setServerOptions(s.socket, s.options), s.options.CurveOf.set(s.socket), s.side.prepare(s.socket, s.options)); err != nil {
		return fmt.Errorf("socket options: %w", err)
	}
	s.poller.Add(s.socket, zmq4.POLLIN)
	s.poller.Add(s.answers.near, zmq4.POLLIN)
	s.bound, err = bindAll(s.socket, s.options.Binds)
	s.guard = newGuard(s.bound, s.options.Unfinished, s.options.MaxMessage, s.event)
	return err
}

// openCurve checks the keys, and has the gate stand before anybody can come.
func (s *Server) openCurve() (err error) {
	if s.options.Curve != nil && s.options.CurveOf != nil {
		return errors.New("one socket cannot prove itself by CURVE and have others prove themselves: make two")
	}
	if s.options.CurveOf, err = s.options.CurveOf.withSecret(); err != nil {
		return err
	}
	if err := s.options.Curve.check(); err != nil || s.options.Curve == nil {
		return err
	}
	s.gate, err = openGate(s.zctx, s.options.Curve, s.answers.wake)
	return err
}

// setServerOptions follows facts/zeromq.md 3.3.
func setServerOptions(s *zmq4.Socket, o ServerOptions) error {
	return errors.Join(
		o.Curve.set(s),
		s.SetMaxmsgsize(o.MaxMessage), // else any announced size is buffered, before the handshake even
		s.SetBacklog(4096),            // all nodes run at the same minute
		s.SetRcvhwm(readAhead),
		// A peer's window of answers, twice: libzmq gives room back in halves. Beyond it they are dropped, for the
		// peer does not read.
		s.SetSndhwm(2*max(o.Outstanding, 1000)),
		s.SetHandshakeIvl(o.Handshake),                                                // who connects and says nothing keeps a file descriptor
		s.SetConnectTimeout(5*time.Second),                                            // else the system's, two minutes, before the next attempt
		s.SetReconnectIvl(100*time.Millisecond), s.SetReconnectIvlMax(10*time.Second), // libzmq adds jitter
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
func (s *Server) Endpoints() []string {
	return s.bound
}

// Unsent is how many answers could not be sent so far, because the peer had gone or did not read. From any goroutine.
func (s *Server) Unsent() int64 {
	return s.unsent.Load()
}

// Unknown is how many messages were dropped so far because their connection, though it spoke CURVE, came with no client
// key: that the gate let nobody in so is what this proves. From any goroutine.
func (s *Server) Unknown() int64 {
	return s.unknown.Load()
}

// Close gives the endpoints back where Serve was never called; after Serve it does nothing.
func (s *Server) Close() error {
	if s.used.Swap(true) {
		return nil
	}
	return s.end(0)
}

// end closes everything and returns when nothing of the Server is left, after linger at most: the time libzmq has to
// hand the last answers to the system.
func (s *Server) end(linger time.Duration) error {
	if s.socket != nil {
		_ = s.socket.SetLinger(linger)
		_ = s.socket.Close()
	}
	s.gate.close()
	if s.answers != nil {
		s.answers.close()
	}
	return terminate(s.zctx)
}
