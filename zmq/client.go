package zmq

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pebbe/zmq4"
)

// DefaultMaxMessage is the largest request, in bytes, that a Client sends and a Router reads unless told otherwise:
// twice the listener's limit on a message (DESIGN.md section 9), so that the listener itself can answer too_large.
const DefaultMaxMessage = 2 << 20

// ClientOptions are a Client's limits; zero values give the defaults.
type ClientOptions struct {
	Timeout        time.Duration // for a Request whose context has no deadline; 5 s
	MaxMessage     int64         // bytes of a request; DefaultMaxMessage
	MaxAnswer      int64         // bytes of an answer; 16 MiB. A larger one ends the connection
	MaxConnections int           // requests under way at once; more wait their turn; 256
	Resolver       *net.Resolver // looks names up; net.DefaultResolver
}

func (o ClientOptions) withDefaults() ClientOptions {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = 16 << 20
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 256
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	return o
}

// Client sends requests and waits for their answers; its methods may be called from any goroutine. One per process is
// enough: it keeps connections open for the next request, at most as many for all endpoints as MaxConnections.
type Client struct {
	options ClientOptions
	lookup  resolver
	ids     atomic.Uint32
	turns   chan struct{} // one place for each request under way
	life    context.Context
	end     context.CancelFunc

	mu      sync.Mutex
	closed  bool
	zctx    *zmq4.Context // made by the first request
	idle    map[string][]*connection
	resting int            // connections in idle
	busy    sync.WaitGroup // requests under way
}

// NewClient makes a client. It costs next to nothing; libzmq is first touched by the first request.
func NewClient(o ClientOptions) *Client {
	o = o.withDefaults()
	c := &Client{options: o, lookup: o.Resolver.LookupNetIP, turns: make(chan struct{}, o.MaxConnections), idle: map[string][]*connection{}}
	c.life, c.end = context.WithCancel(context.Background())
	c.ids.Store(rand.Uint32())
	return c
}

// Request sends payload to the endpoint (see ParseEndpoint) and gives the answer's bytes, which are the caller's.
// It ends at ctx's deadline, or after ClientOptions.Timeout where there is none, and within 50 ms of ctx's cancellation.
//
// The error is an *Error whose Kind says how far it came. A refused connection or a broken handshake is reported at
// once, not at the deadline; trying again is up to the caller. The message is delivered at least once or an error is
// returned: after Disconnected and the kinds that follow it the message may have arrived, and on a kept connection that
// breaks it is sent again over a new one, so the listener must know a message by its id (DESIGN.md section 5). Nothing
// of a failed request is sent after Request has returned.
func (c *Client) Request(ctx context.Context, endpoint string, payload []byte) ([]byte, error) {
	answer, err := c.request(ctx, endpoint, payload)
	if err == nil {
		return answer, nil
	}
	e := &Error{Kind: kindOf(err), Endpoint: endpoint, Err: cause(err)}
	if e.Kind == Canceled && c.life.Err() != nil {
		e.Kind = Closed
	}
	return nil, e
}

func (c *Client) request(ctx context.Context, endpoint string, payload []byte) ([]byte, error) {
	to, err := ParseEndpoint(endpoint)
	if err != nil {
		return nil, fail(BadEndpoint, "%w", err)
	}
	if size := int64(len(payload)); size > c.options.MaxMessage {
		return nil, fail(TooLarge, "the message has %d bytes, the limit is %d", size, c.options.MaxMessage)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return c.deliver(ctx, to, payload)
}

// bounded gives every request a deadline, and lets Close end it.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	bound := c.options.Timeout
	if end, ok := ctx.Deadline(); ok {
		bound = time.Until(end)
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	stop := context.AfterFunc(c.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// enter waits for a turn; leave gives it back.
func (c *Client) enter(ctx context.Context) (leave func(), err error) {
	start := time.Now()
	select {
	case c.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ended(ctx, ctx.Err(), Timeout, "no turn among this program's other requests", start)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err = c.start()
	if err != nil {
		<-c.turns
		return nil, err
	}
	c.busy.Add(1)
	return func() { c.busy.Done(); <-c.turns }, nil
}

// start makes the libzmq context where there is none yet. The mutex is held.
func (c *Client) start() (err error) {
	if c.closed {
		return fail(Closed, "the client is closed")
	}
	if c.zctx == nil {
		// A connection has three sockets: its own, the monitor's two ends. As many connections may be idle as in use.
		if c.zctx, err = newContext(2*3*c.options.MaxConnections + 16); err != nil {
			return fail(Failed, "%w", err)
		}
	}
	return nil
}

// Close ends the requests under way (Closed), closes every connection and returns when nothing of the client is
// left, within about 50 ms. A second Close does nothing. A process may also exit without it.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.busy.Wait()
	for _, connections := range c.idle {
		for _, idle := range connections {
			idle.close()
		}
	}
	c.idle = nil
	if c.zctx == nil {
		return nil
	}
	return terminate(c.zctx)
}
