package handler

import (
	"context"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// ForwardTimeout is how long sending one message on may take.
const ForwardTimeout = 30 * time.Second

// Forward sends each message on, its frame unchanged: who receives it verifies
// the first sender. A receiver knows the message id and stores a repetition once.
type Forward struct {
	name string
	send func(context.Context, queue.Message) error
}

// NewForward makes a handler of a name, such as "push tcp://127.0.0.1:5558", that
// says where to, and stays the same while that does. send returns nil once the
// message is as safe as its pattern makes it: receipted, or handed over. A refusal
// that stays one is Permanent. send must return when its context ends, and must not
// change the frame; who has made it closes what it uses, after the Runner's Close.
func NewForward(name string, send func(ctx context.Context, m queue.Message) error) *Forward {
	return &Forward{name: "forward " + name, send: send}
}

// Name is "forward" and the name given.
func (f *Forward) Name() string { return f.name }

// Handle sends m on within ForwardTimeout.
func (f *Forward) Handle(ctx context.Context, m queue.Message) error {
	ctx, cancel := context.WithTimeout(ctx, ForwardTimeout)
	defer cancel()
	if err := f.send(ctx, m); err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	return nil
}

// Flush has nothing to do: what was sent is sent.
func (f *Forward) Flush() error { return nil }

// Reopen does nothing.
func (f *Forward) Reopen() error { return nil }

// Close does nothing.
func (f *Forward) Close() error { return nil }
