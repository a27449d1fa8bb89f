package zmq

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/pebbe/zmq4"
)

// ErrorKind says how far a call came, for a caller that decides what to do next.
type ErrorKind string

// In the order of the way of a message. Up to and including Stuck nothing of the message has left this host.
const (
	BadEndpoint  ErrorKind = "bad_endpoint"  // not an endpoint at all
	TooLarge     ErrorKind = "too_large"     // over ClientOptions.MaxMessage; trying again is useless
	Failed       ErrorKind = "failed"        // libzmq is too old, or this host has no resources left
	Unresolvable ErrorKind = "unresolvable"  // the name has no address, or no name server answers
	Unreachable  ErrorKind = "unreachable"   // the connection was refused: nobody listens
	Silent       ErrorKind = "silent"        // no answer to the connection attempt in time
	Handshake    ErrorKind = "handshake"     // connected, but the peer does not speak ZeroMQ with us
	NotAdmitted  ErrorKind = "not_admitted"  // connected, but the listener does not admit this client
	NoSubscriber ErrorKind = "no_subscriber" // publish: connected, but nobody subscribes to the topic
	Stuck        ErrorKind = "stuck"         // connected, but the peer takes no more: it does not read
	Disconnected ErrorKind = "disconnected"  // connected and sent, then cut off by the peer; may have arrived
	Timeout      ErrorKind = "timeout"       // connected and sent, no answer in time; may have arrived
	BadAnswer    ErrorKind = "bad_answer"    // answered, but not in one frame
	Canceled     ErrorKind = "canceled"      // the caller's context was canceled; may have arrived
	Closed       ErrorKind = "closed"        // Client.Close was called; may have arrived
)

// wayOut is what a reader of the error can do about it.
var wayOut = map[ErrorKind]string{
	TooLarge:     "send less in one message",
	Unresolvable: "check the spelling and this host's DNS, or use the address",
	Unreachable:  "check that the listener runs and binds this address and port",
	Silent:       "the host is down, or a firewall drops what is sent to it",
	Handshake:    "check that a cf-messaged, or another ZeroMQ program that takes requests, has this port, and its CURVE setting",
	NotAdmitted:  "it takes enrolled hosts only: name with enrol where it takes this host's CURVE key, and see that it trusts this host",
	NoSubscriber: "check the topics that the listener subscribes to (`subscribe:` in its configuration)",
	Stuck:        "the listener is stopped or overloaded; its log says which",
	Disconnected: "it was stopped, or the message or its answer is larger than allowed",
	Timeout:      "the listener is overloaded or does not answer requests; its log says which",
	BadAnswer:    "the program there must answer with one frame",
}

// Error is what a Client's call returns, always as *Error.
type Error struct {
	Kind     ErrorKind
	Endpoint string // as the caller wrote it
	Err      error  // what happened, never nil; context.DeadlineExceeded is in it where the deadline ended the wait

	way string // out, where the kind's does not fit
}

// Error is one line for people: where, what, and the way out.
func (e *Error) Error() string {
	text := e.Err.Error()
	if e.Endpoint != "" && e.Kind != BadEndpoint {
		text = e.Endpoint + ": " + text
	}
	way := e.way
	if way == "" {
		way = wayOut[e.Kind]
	}
	if way != "" {
		text += ": " + way
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error {
	return e.Err
}

// fail makes an Error; Client.call adds the endpoint.
func fail(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// kindOf is the kind of an error of this package, Failed for any other.
func kindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}

// cause is what happened, without the way out that Error adds.
func cause(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// wayOutOf is an error's own way out, "" where it has none.
func wayOutOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.way
	}
	return ""
}

// reach orders what can go wrong on the way to a connection.
var reach = []ErrorKind{Failed, Unresolvable, Unreachable, Silent, Handshake, NotAdmitted, Stuck, Disconnected, Canceled}

// and adds what went wrong with the next address; the kind, and the way out, are those of the one that came furthest.
func (e *Error) and(err error) *Error {
	next := &Error{Kind: kindOf(err), Err: cause(err), way: wayOutOf(err)}
	if e == nil {
		return next
	}
	both := fmt.Errorf("%w; %w", e.Err, next.Err)
	if slices.Index(reach, next.Kind) > slices.Index(reach, e.Kind) {
		return &Error{Kind: next.Kind, Err: both, way: next.way}
	}
	return &Error{Kind: e.Kind, Err: both, way: e.way}
}

// named puts before an error which of several addresses or endpoints it is about.
func named(where string, err error) *Error {
	return &Error{Kind: kindOf(err), Err: fmt.Errorf("%s %w", where, cause(err)), way: wayOutOf(err)}
}

// unsent reports whether an error means that nothing has left this host.
func unsent(err error) bool {
	return err != nil && slices.Contains([]ErrorKind{Failed, Unresolvable, Unreachable, Silent, Handshake, NotAdmitted, NoSubscriber, Stuck}, kindOf(err))
}

// is reports whether libzmq or the system gave this error number.
func is(err error, number syscall.Errno) bool {
	return zmq4.AsErrno(err) == zmq4.Errno(number)
}
