package zmq

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// stage is how far a connection has come: the kind of the error should the time run out now. Those who wait for the
// connection read it while another goroutine makes it.
type stage struct {
	kind atomic.Value
}

func (s *stage) is(kind ErrorKind) {
	s.kind.Store(kind)
}

func (s *stage) now() ErrorKind {
	if kind, ok := s.kind.Load().(ErrorKind); ok {
		return kind
	}
	return Stuck
}

func (s *stage) text() string {
	return missing(s.now())
}

// missing says what a stage lacks.
func missing(kind ErrorKind) string {
	switch kind {
	case Unresolvable:
		return "the name cannot be resolved"
	case Silent:
		return "no answer to the connection attempt"
	case Handshake:
		return "connected, but no ZeroMQ handshake"
	case NoSubscriber:
		return "connected, but nobody subscribes to the topic"
	}
	return "connected, but the peer takes no more"
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
