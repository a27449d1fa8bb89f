package zmq

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/pebbe/zmq4"
)

// monitored is what a connection is judged by (facts/zeromq.md 4.2). Few kinds of event, since libzmq's I/O thread
// waits for ever when they are not read: one connection makes five at most.
const monitored = zmq4.EVENT_CONNECTED | zmq4.EVENT_CLOSED | zmq4.EVENT_DISCONNECTED | zmq4.EVENT_HANDSHAKE_SUCCEEDED |
	zmq4.EVENT_HANDSHAKE_FAILED_AUTH | zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL |
	zmq4.EVENT_MONITOR_STOPPED

// monitor watches the one connection of a socket. It is used by the goroutine that has the socket.
type monitor struct {
	watched *zmq4.Socket
	events  *zmq4.Socket
	curve   bool // the socket speaks CURVE

	connected bool
	ready     bool  // the handshake is done
	failed    error // an *Error: why there is no connection, now or any more
	stopped   bool  // libzmq has done with the socket
}

// watches counts them, for an address that no other has: libzmq gives one back some time after its socket was closed.
var watches atomic.Uint64

// watch starts watching s; it must come before s connects.
func watch(zctx *zmq4.Context, s *zmq4.Socket, curve bool) (*monitor, error) {
	address := fmt.Sprintf("inproc://monitor-%d", watches.Add(1))
	if err := again(func() error { return s.Monitor(address, monitored) }); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	m := &monitor{watched: s, curve: curve}
	events, err := zctx.NewSocket(zmq4.PAIR)
	if err == nil {
		m.events = events
		err = connect(events, address)
	}
	if err != nil {
		m.close()
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return m, nil
}

// read takes in the events that are there.
func (m *monitor) read() error {
	for {
		event, _, value, err := m.events.RecvEvent(zmq4.DONTWAIT)
		switch {
		case is(err, syscall.EAGAIN):
			return nil
		case is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("monitor: %w", err)
		default:
			m.note(event, value)
		}
	}
}

// note keeps the first failure: what follows it (DISCONNECTED, CLOSED) tells less.
func (m *monitor) note(event zmq4.Event, value int) {
	switch event {
	case zmq4.EVENT_CONNECTED:
		m.connected = true
	case zmq4.EVENT_HANDSHAKE_SUCCEEDED:
		m.ready = true
	case zmq4.EVENT_MONITOR_STOPPED:
		m.stopped = true
	default:
		if m.failed == nil {
			m.failed = m.failure(event, value)
		}
	}
}

// mechanismMismatch is ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH (zmq.h).
const mechanismMismatch = 0x11000002

func (m *monitor) failure(event zmq4.Event, value int) *Error {
	switch {
	case event == zmq4.EVENT_HANDSHAKE_FAILED_AUTH && m.curve:
		return fail(NotAdmitted, "the listener does not admit this CURVE key (ZAP %d)", value)
	case event == zmq4.EVENT_HANDSHAKE_FAILED_AUTH:
		return fail(NotAdmitted, "the listener does not admit this host (ZAP %d)", value)
	case event == zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL && value == mechanismMismatch && m.curve:
		return m.handshake("the listener there speaks no CURVE, so it cannot prove itself")
	case event == zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL && value == mechanismMismatch:
		return m.handshake("the listener there speaks CURVE only")
	case event == zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL:
		return fail(Handshake, "ZeroMQ handshake broken (error 0x%x)", value)
	case event == zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL && m.curve:
		return m.handshake(fmt.Sprintf("closed during the CURVE handshake (%v): another listener than the one of that CURVE key, or one that speaks no CURVE", syscall.Errno(value)))
	case event == zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		return fail(Handshake, "closed during the ZeroMQ handshake (%w)", syscall.Errno(value))
	case m.ready:
		return fail(Disconnected, "the peer closed the connection before it answered")
	case m.connected:
		return fail(Handshake, "what listens there does not speak ZeroMQ, or not this pattern")
	}
	return fail(Unreachable, "cannot connect")
}

// handshake is a failure to agree on CURVE.
func (m *monitor) handshake(text string) *Error {
	e := fail(Handshake, "%s", text)
	if e.way = "name its public key (its curve.pub) as server_key"; m.curve {
		e.way = "compare server_key with the listener's curve.pub, and see that its `curve:` is not off"
	}
	return e
}

// close ends the watch. The order counts: an event sent to a closed PAIR would hold up libzmq's I/O thread for ever.
func (m *monitor) close() {
	_ = m.watched.Monitor("", 0)
	if m.events != nil {
		_ = m.events.Close()
	}
}
