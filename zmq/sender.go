package zmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pebbe/zmq4"
)

// SenderOptions are a Sender's endpoints and limits; zero values give the defaults.
type SenderOptions struct {
	Pattern    string        // push or publish
	Binds      []string      // endpoints as ParseBind reads them, at least one
	Timeout    time.Duration // for a Send whose context has no deadline; 5 s
	MaxMessage int64         // bytes of a message; DefaultMaxMessage
	Linger     time.Duration // how long Close hands over what Send was given; 2 s
	Curve      *CurveServer  // has the Sender speak CURVE only; nil for none. Who was admitted stays until its connection ends

	// Subscribed is told of every topic, or beginning of topics, that a peer subscribes to, each time one does, and, with
	// on false, when the last one that did has given it up or is gone. Peers prove nothing, and may name anything. It is
	// called from the Sender's goroutine and must not wait; nil for nobody. For publish alone.
	Subscribed func(topic string, on bool)
}

// Sender is a sending end that binds: workers (PULL) connect to one that pushes, which gives each in turn a message, and
// subscribers (SUB) to one that publishes, which gives each what it subscribes to. Where the peers bind, Client sends.
//
// Its goroutine is always at the socket, even when nothing is sent: libzmq takes note of peers that come and go only in
// its calls, and would keep something of each until then (facts/zeromq.md, trap 6).
type Sender struct {
	options SenderOptions
	kind    zmq4.Type
	zctx    *zmq4.Context
	waker   *waker
	gate    *gate // nil without Curve
	unguard func()
	bound   []string
	ended   chan error // the goroutine's

	mu      sync.Mutex
	waiting []*handover
	closed  bool
	broken  error // why nothing is sent any more

	socket *zmq4.Socket // of the goroutine
	poller *zmq4.Poller
}

// handover is one message that Send waits with.
type handover struct {
	frames [][]byte
	done   chan error // has room for one
}

// BindSender makes the socket and binds it, so that an endpoint in use is an error here. It must be closed.
func BindSender(o SenderOptions) (*Sender, error) {
	c := ClientOptions{Timeout: o.Timeout, MaxMessage: o.MaxMessage, Linger: o.Linger}.withDefaults()
	o.Timeout, o.MaxMessage, o.Linger = c.Timeout, c.MaxMessage, c.Linger
	kinds := map[string]zmq4.Type{"push": zmq4.PUSH, "publish": zmq4.XPUB}
	kind, known := kinds[o.Pattern]
	if !known {
		return nil, fmt.Errorf("unknown pattern %q of a sender that binds: push or publish", o.Pattern)
	}
	if len(o.Binds) == 0 {
		return nil, errors.New("nothing to bind: name at least one endpoint")
	}
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	zctx, err := newContext(16)
	if err != nil {
		return nil, err
	}
	s := &Sender{options: o, kind: kind, zctx: zctx, ended: make(chan error, 1), poller: zmq4.NewPoller()}
	if err := s.bind(); err != nil {
		return nil, errors.Join(err, s.release(0))
	}
	s.unguard = newGuard(s.bound, DefaultUnfinished, DefaultMaxMessage, nil).start()
	go func() { s.ended <- s.breaks(s.run()) }()
	return s, nil
}

func (s *Sender) bind() (err error) {
	if s.waker, err = newWaker(s.zctx); err != nil {
		return err
	}
	if err := s.openCurve(); err != nil {
		return err
	}
	if s.socket, err = s.zctx.NewSocket(s.kind); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	err = errors.Join(
		setServerOptions(s.socket, ServerOptions{MaxMessage: DefaultMaxMessage, Curve: s.options.Curve}.withDefaults()), // of what the peers send: subscriptions
		s.socket.SetSndhwm(sendAhead),
	)
	if s.kind == zmq4.XPUB && s.options.Subscribed != nil { // else libzmq tells only of the first that wants a topic
		err = errors.Join(err, s.socket.SetXpubVerbose(1))
	}
	if err != nil {
		return fmt.Errorf("socket options: %w", err)
	}
	s.poller.Add(s.socket, zmq4.POLLIN)
	s.poller.Add(s.waker.near, zmq4.POLLIN)
	s.bound, err = bindAll(s.socket, s.options.Binds)
	return err
}

// openCurve has the gate stand before anybody can come.
func (s *Sender) openCurve() (err error) {
	if err := s.options.Curve.check(); err != nil || s.options.Curve == nil {
		return err
	}
	s.gate, err = openGate(s.zctx, s.options.Curve, s.waker.wake)
	return err
}

// Endpoints are those that are really bound, with the ports that the system chose.
func (s *Sender) Endpoints() []string {
	return s.bound
}

// Send hands a message to libzmq. A Sender that pushes gives it to one worker: it waits until one is connected and has
// room, no longer than ctx or SenderOptions.Timeout, and after an error (Stuck) nothing was handed over. One that
// publishes waits for nobody: it gives the message to those who subscribe to the topic now and drops it for one that
// does not read. Both deliver at most once. topic is for publish alone. Any goroutine may call it.
func (s *Sender) Send(ctx context.Context, topic string, payload []byte) error {
	where, start := strings.Join(s.bound, ", "), time.Now()
	if size := int64(len(payload)); size > s.options.MaxMessage {
		return &Error{Kind: TooLarge, Endpoint: where, Err: fmt.Errorf("the message has %d bytes, the limit is %d", size, s.options.MaxMessage)}
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.options.Timeout)
		defer cancel()
	}
	h := &handover{frames: [][]byte{payload}, done: make(chan error, 1)}
	if s.kind == zmq4.XPUB {
		h.frames = [][]byte{[]byte(topic), payload}
	}
	err := s.add(h)
	if err == nil {
		select {
		case err = <-h.done:
		case <-ctx.Done():
			err = s.withdraw(h, ended(ctx, ctx.Err(), Stuck, "nobody is connected who takes it", start))
		}
	}
	if err == nil {
		return nil
	}
	return &Error{Kind: kindOf(err), Endpoint: where, Err: cause(err), way: "check that the workers run, connect here and read"}
}

func (s *Sender) add(h *handover) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fail(Closed, "the sender is closed")
	}
	if s.broken != nil {
		return s.broken
	}
	s.waiting = append(s.waiting, h)
	s.waker.wake()
	return nil
}

// Close ends the Sends that wait (Closed) and gives what was sent to the system, for at most SenderOptions.Linger. The
// error says that it could not all be; what was not is lost. A second Close does nothing.
func (s *Sender) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, h := range s.waiting {
		h.done <- fail(Closed, "the sender was closed")
	}
	s.waiting = nil
	s.mu.Unlock()
	s.waker.wake()
	s.unguard()
	return errors.Join(<-s.ended, s.release(s.options.Linger))
}

// release closes everything and tells whether libzmq had done with it before the end of its patience.
func (s *Sender) release(linger time.Duration) error {
	if s.socket != nil {
		_ = s.socket.SetLinger(linger + grace)
		_ = s.socket.Close()
	}
	s.gate.close()
	if s.waker != nil {
		s.waker.close()
	}
	start := time.Now()
	err := terminate(s.zctx)
	if time.Since(start) > linger+grace/2 && linger > 0 {
		err = errors.Join(err, fmt.Errorf("%s: not everything could be handed over before the end: %s", strings.Join(s.bound, ", "), wayOut[Stuck]))
	}
	return err
}
