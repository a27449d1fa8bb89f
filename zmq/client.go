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

// DefaultMaxMessage is the largest message, in bytes, that a Client sends and a Server reads unless told otherwise:
// twice the listener's limit on a message (DESIGN.md section 9), so that the listener itself can answer too_large.
const DefaultMaxMessage = 2 << 20

// ClientOptions are a Client's limits; zero values give the defaults.
type ClientOptions struct {
	Timeout        time.Duration // for a call whose context has no deadline; 5 s
	MaxMessage     int64         // bytes of a message; DefaultMaxMessage
	MaxAnswer      int64         // bytes of an answer; 16 MiB. A larger one ends the connection
	MaxConnections int           // calls under way at once, more wait their turn; and endpoints talked to, each one connection a pattern; 256
	Linger         time.Duration // how long Close hands over what Publish, Push and Pair were given; 2 s
	Resolver       *net.Resolver // looks names up; net.DefaultResolver
	Curve          *CurveClient  // speaks CURVE, with the listener of that key alone; nil for no CURVE
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
	if o.Linger <= 0 {
		o.Linger = 2 * time.Second
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	return o
}

// Client is the sending end of every pattern; its methods may be called from any goroutine. One per process is enough:
// it keeps a connection to each endpoint for the calls to come, and makes a new one in the first call that finds the
// old one lost. Between calls it does nothing and has no goroutine.
type Client struct {
	options ClientOptions
	lookup  resolver
	ids     atomic.Uint32
	turns   chan struct{} // one place for each call under way
	life    context.Context
	end     context.CancelFunc

	mu       sync.Mutex
	closed   bool
	zctx     *zmq4.Context // made by the first call
	requests map[string]*requests
	links    map[way]*link
	pushers  map[string]*pusher
	rounds   map[string]int // of Push, for each set of endpoints: whose turn it is
	busy     sync.WaitGroup // calls under way
}

// way is what a link is known by.
type way struct {
	kind     zmq4.Type
	endpoint string
}

// NewClient makes a client. It costs next to nothing; libzmq is first touched by the first call.
func NewClient(o ClientOptions) *Client {
	o = o.withDefaults()
	c := &Client{
		options: o, lookup: o.Resolver.LookupNetIP, turns: make(chan struct{}, o.MaxConnections),
		requests: map[string]*requests{}, links: map[way]*link{}, pushers: map[string]*pusher{}, rounds: map[string]int{},
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.ids.Store(rand.Uint32())
	return c
}

// call is the frame of every pattern's: it checks the message, gives the call its bound and its turn, and makes an
// *Error of what goes wrong.
func (c *Client) call(ctx context.Context, endpoint string, payload []byte, do func(context.Context) error) error {
	err := c.bounded(ctx, payload, do)
	if err == nil {
		return nil
	}
	e := &Error{Kind: kindOf(err), Endpoint: endpoint, Err: cause(err), way: wayOutOf(err)}
	if e.Kind == Canceled && c.life.Err() != nil {
		e.Kind = Closed
	}
	return e
}

// bounded gives every call a deadline, and lets Close end it.
func (c *Client) bounded(ctx context.Context, payload []byte, do func(context.Context) error) error {
	if size := int64(len(payload)); size > c.options.MaxMessage {
		return fail(TooLarge, "the message has %d bytes, the limit is %d", size, c.options.MaxMessage)
	}
	bound := c.options.Timeout
	if end, ok := ctx.Deadline(); ok {
		bound = time.Until(end)
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return do(ctx)
}

// enter waits for a turn; leave gives it back.
func (c *Client) enter(ctx context.Context) (leave func(), err error) {
	start := time.Now()
	select {
	case c.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ended(ctx, ctx.Err(), Timeout, "no turn among this program's other calls", start)
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
func (c *Client) start() error {
	if c.closed {
		return fail(Closed, "the client is closed")
	}
	if c.zctx == nil {
		curve, err := c.options.Curve.withSecret()
		if err != nil {
			return fail(Failed, "%w", err)
		}
		c.options.Curve = curve // one secret for all connections
		// A link has five sockets: its own, the monitor's two ends and the waker's.
		if c.zctx, err = newContext(5*c.options.MaxConnections + 16); err != nil {
			return fail(Failed, "%w", err)
		}
	}
	return nil
}

// requestsTo is the link for requests to an endpoint.
func (c *Client) requestsTo(to Endpoint) (*requests, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, known := c.requests[to.String()]; known {
		return r, nil
	}
	w, err := newWaker(c.zctx)
	if err != nil {
		return nil, fail(Failed, "%w", err)
	}
	r := &requests{waker: w, sent: map[uint32]*call{}}
	r.init(c, zmq4.DEALER, to)
	c.requests[to.String()] = r
	return r, nil
}

// linkTo is the link to an endpoint in any other pattern.
func (c *Client) linkTo(kind zmq4.Type, to Endpoint) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := way{kind, to.String()}
	if c.links[key] == nil {
		c.links[key] = &link{}
		c.links[key].init(c, kind, to)
	}
	return c.links[key]
}
