package zmq

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// connection is one socket with one connection to one address. It is used by one goroutine at a time and is never
// repaired: libzmq makes one attempt, and what was lost is closed and made anew, so that who calls knows what was sent
// over which.
type connection struct {
	address string // as libzmq takes it, no name in it
	kind    zmq4.Type
	socket  *zmq4.Socket
	monitor *monitor
	poller  *zmq4.Poller

	topics map[string]bool // publish: what the peer subscribes to
}

// dial connects and waits for the handshake, no longer than ctx; at tells how far it has come. Nothing is sent before
// that, so every error up to here means that the message has not left this host.
func dial(ctx context.Context, zctx *zmq4.Context, kind zmq4.Type, address string, o ClientOptions, at *stage) (*connection, error) {
	s, err := zctx.NewSocket(kind)
	if err != nil {
		return nil, fail(Failed, "socket: %w", err)
	}
	c := &connection{address: address, kind: kind, socket: s, poller: zmq4.NewPoller(), topics: map[string]bool{}}
	if err = c.open(zctx, o); err == nil {
		err = c.handshake(ctx, at)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *connection) open(zctx *zmq4.Context, o ClientOptions) error {
	if err := setClientOptions(c.socket, c.kind, o); err != nil {
		return fail(Failed, "socket: %w", err)
	}
	m, err := watch(zctx, c.socket, o.Curve != nil)
	if err != nil {
		return fail(Failed, "%w", err)
	}
	c.monitor = m
	c.poller.Add(c.socket, zmq4.POLLIN)
	c.poller.Add(m.events, zmq4.POLLIN)
	if err := connect(c.socket, c.address); err != nil {
		return fail(Failed, "connect: %w", err)
	}
	return nil
}

// setClientOptions sets what a call's own deadline does not already govern.
func setClientOptions(s *zmq4.Socket, kind zmq4.Type, o ClientOptions) error {
	err := errors.Join(
		o.Curve.set(s),
		// One attempt a socket: this waits longer than any socket with a lost connection is kept. Not -1, which by
		// libzmq's source takes the endpoint down, and with it an answer that came just before the connection ended.
		s.SetReconnectIvl(24*time.Hour),
		s.SetImmediate(false),        // true does lose such an answer
		s.SetConnectTimeout(0),       // the call's deadline is the only clock,
		s.SetHandshakeIvl(0),         // so that the error says what was missing when it passed
		s.SetMaxmsgsize(o.MaxAnswer), // a larger answer cuts the connection
		s.SetSndhwm(sendAhead), s.SetRcvhwm(sendAhead),
		// A connection that a firewall forgot, or whose peer lost its power, is noticed: idle by keepalive, with data
		// under way by MAXRT.
		s.SetTcpKeepalive(1), s.SetTcpKeepaliveIdle(60), s.SetTcpKeepaliveIntvl(10), s.SetTcpKeepaliveCnt(3),
		s.SetTcpMaxrt(30*time.Second),
	)
	if kind == zmq4.XPUB { // else it drops what a slow subscriber does not take
		err = errors.Join(err, s.SetXpubNodrop(true))
	}
	return err
}

// sendAhead is how many messages libzmq holds for a peer, each way, beyond what the system's buffers take.
const sendAhead = 128

func (c *connection) handshake(ctx context.Context, at *stage) error {
	start := time.Now()
	at.is(Silent)
	for !c.monitor.ready && c.monitor.failed == nil {
		if c.monitor.connected {
			at.is(Handshake)
		}
		if _, err := pollUntil(ctx, c.poller); err != nil {
			return ended(ctx, err, at.now(), at.text(), start)
		}
		if err := c.monitor.read(); err != nil {
			return fail(Failed, "%w", err)
		}
	}
	if kindOf(c.monitor.failed) == Unreachable {
		return fail(Unreachable, "cannot connect: %w", c.refusal(ctx))
	}
	if c.monitor.failed == nil {
		at.is(Stuck)
	}
	return c.monitor.failed
}

// awaitRoom waits for d at most until libzmq takes another message, or the connection is lost.
func (c *connection) awaitRoom(ctx context.Context, d time.Duration) {
	p := zmq4.NewPoller()
	p.Add(c.socket, zmq4.POLLOUT)
	p.Add(c.monitor.events, zmq4.POLLIN)
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end))
	}
	_, _ = poll(p, d) // what is wrong, the next send tells
}

// refusal finds out why a connection was refused, which libzmq does not tell, by trying once more.
func (c *connection) refusal(ctx context.Context) error {
	network, address, _ := strings.Cut(c.address, "://")
	if network == "ipc" {
		network = "unix"
	}
	d := net.Dialer{Timeout: slice}
	again, err := d.DialContext(ctx, network, address)
	if err == nil {
		return errors.Join(syscall.ECONNREFUSED, again.Close())
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

// lost takes in what happened to the connection and says why it is no more, nil while it is.
func (c *connection) lost() error {
	if err := c.monitor.read(); err != nil {
		return fail(Failed, "%w", err)
	}
	return c.monitor.failed
}

func (c *connection) close() {
	if c.monitor != nil {
		c.monitor.close()
	}
	_ = c.socket.Close()
}
