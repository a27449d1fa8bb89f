package zmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// connection is one socket with one connection to one address. It is used by one goroutine at a time and is never
// repaired: what fails is closed, so that nothing of a request that was given up can be delivered afterwards.
type connection struct {
	address string // as libzmq takes it, no name in it
	socket  *zmq4.Socket
	monitor *monitor
	poller  *zmq4.Poller
}

// dial connects and waits for the handshake, no longer than ctx. Nothing is sent before that, so every error up to
// here means that the message has not left this host.
func dial(ctx context.Context, zctx *zmq4.Context, address string, maxAnswer int64) (*connection, error) {
	s, err := zctx.NewSocket(zmq4.DEALER)
	if err != nil {
		return nil, fail(Failed, "socket: %w", err)
	}
	c := &connection{address: address, socket: s, poller: zmq4.NewPoller()}
	if err = c.open(zctx, maxAnswer); err == nil {
		err = c.handshake(ctx)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *connection) open(zctx *zmq4.Context, maxAnswer int64) error {
	if err := setClientOptions(c.socket, maxAnswer); err != nil {
		return fail(Failed, "socket: %w", err)
	}
	m, err := watch(zctx, c.socket)
	if err != nil {
		return fail(Failed, "%w", err)
	}
	c.monitor = m
	c.poller.Add(c.socket, zmq4.POLLIN)
	c.poller.Add(m.events, zmq4.POLLIN)
	if err := c.socket.Connect(c.address); err != nil {
		return fail(Failed, "connect: %w", err)
	}
	return nil
}

// setClientOptions sets what a request's own deadline does not already govern.
func setClientOptions(s *zmq4.Socket, maxAnswer int64) error {
	return errors.Join(
		// One attempt a socket: this waits longer than any socket with a lost connection is kept. Not -1, which by
		// libzmq's source takes the endpoint down, and with it an answer that came just before the connection ended.
		s.SetReconnectIvl(24*time.Hour),
		s.SetImmediate(false),      // true does lose such an answer
		s.SetConnectTimeout(0),     // the request's deadline is the only clock,
		s.SetHandshakeIvl(0),       // so that the error says what was missing when it passed
		s.SetMaxmsgsize(maxAnswer), // a larger answer cuts the connection
		s.SetSndhwm(16),            // one request at a time is under way,
		s.SetRcvhwm(16),            // and who talks unasked is not listened to for long
		s.SetTcpKeepalive(1),       // an idle connection that a firewall forgot is noticed before it is used again
		s.SetTcpKeepaliveIdle(60), s.SetTcpKeepaliveIntvl(10), s.SetTcpKeepaliveCnt(3),
	)
}

func (c *connection) handshake(ctx context.Context) error {
	start := time.Now()
	for !c.monitor.ready && c.monitor.failed == nil {
		if _, err := pollUntil(ctx, c.poller); err != nil {
			if c.monitor.connected {
				return ended(ctx, err, Handshake, "connected, but no ZeroMQ handshake", start)
			}
			return ended(ctx, err, Silent, "no answer to the connection attempt", start)
		}
		if err := c.monitor.read(); err != nil {
			return fail(Failed, "%w", err)
		}
	}
	if kindOf(c.monitor.failed) == Unreachable {
		return fail(Unreachable, "cannot connect: %w", c.refusal(ctx))
	}
	return c.monitor.failed
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

// alive takes in what happened to an idle connection.
func (c *connection) alive() bool {
	return c.monitor.read() == nil && c.monitor.failed == nil
}

func (c *connection) close() {
	if c.monitor != nil {
		c.monitor.close()
	}
	_ = c.socket.Close()
}

// ended is the error of a wait that pollUntil ended: kind and text when the time ran out.
func ended(ctx context.Context, err error, kind ErrorKind, text string, start time.Time) error {
	switch {
	case ctx.Err() == nil:
		return fail(Failed, "%w", err)
	case errors.Is(ctx.Err(), context.Canceled):
		return fail(Canceled, "%s: %w", text, context.Canceled)
	}
	return fail(kind, "%s %w", text, late(time.Since(start)))
}

// late is context.DeadlineExceeded in words for people.
type late time.Duration

func (l late) Error() string {
	return fmt.Sprintf("within %v", time.Duration(l).Round(time.Millisecond))
}

func (late) Unwrap() error {
	return context.DeadlineExceeded
}
