package zmq

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// Publish sends payload under a topic to the subscribers at the endpoint, as the frames [topic][payload]. It waits until
// the peer has said that it subscribes to the topic, or to a beginning of it, and then sends; no longer than ctx, or
// ClientOptions.Timeout. Other calls go on meanwhile.
//
// The message is delivered at most once: nil means that libzmq has it for a peer that subscribed, not that it arrived.
// NoSubscriber is a peer that does not want the topic, Stuck one that does not read; other kinds are as with Request, a
// refused connection is reported at once.
func (c *Client) Publish(ctx context.Context, endpoint, topic string, payload []byte) error {
	to, err := ParseEndpoint(endpoint)
	if err != nil {
		return &Error{Kind: BadEndpoint, Endpoint: endpoint, Err: err}
	}
	return c.call(ctx, endpoint, payload, func(ctx context.Context) error {
		return c.linkTo(zmq4.XPUB, to).publish(ctx, topic, payload)
	})
}

func (l *link) publish(ctx context.Context, topic string, payload []byte) error {
	start := time.Now()
	var lacks *Error // what this call last waited for, which is not always what the others on the link wait for
	for {
		missing, err := l.tryPublish(ctx, topic, payload)
		if missing == nil && err == nil {
			return nil
		}
		if missing != nil {
			lacks = missing
		}
		if lacks != nil && ctx.Err() != nil {
			return ended(ctx, ctx.Err(), lacks.Kind, lacks.Err.Error(), start)
		}
		if err != nil {
			return err
		}
	}
}

// tryPublish sends to the subscriber there is, or waits for one for a slice of time, so that a topic nobody wants does
// not hold up the others. missing says what it waited for.
func (l *link) tryPublish(ctx context.Context, topic string, payload []byte) (missing *Error, err error) {
	if err := l.hold(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	if err := l.connection.readTopics(); err != nil {
		return nil, err
	}
	if !l.connection.subscribed(topic) {
		l.stage.is(NoSubscriber)
		_, err := pollUntil(ctx, l.connection.poller)
		return fail(NoSubscriber, "connected, but nobody subscribes to %q", topic), unlessOver(ctx, err)
	}
	err = sendFrames(l.connection.socket, []byte(topic), payload)
	if is(err, syscall.EAGAIN) { // and readable it will not be, nor does libzmq say when there is room
		l.stage.is(Stuck)
		pause(ctx, room)
		return fail(Stuck, "connected, but the peer takes no more"), nil
	}
	if err != nil {
		return nil, fail(Failed, "send: %w", err)
	}
	return nil, nil
}

// readTopics takes in what the peer subscribes to.
func (c *connection) readTopics() error {
	for range 1000 {
		frame, _, err := receiveFrame(c.socket)
		if is(err, syscall.EAGAIN) {
			return nil
		}
		if err != nil {
			return fail(Failed, "receive: %w", err)
		}
		switch on, topic, ok := subscription(frame); {
		case !ok:
		case on:
			c.topics[topic] = true
		default:
			delete(c.topics, topic)
		}
	}
	return nil
}

func (c *connection) subscribed(topic string) bool {
	for prefix := range c.topics {
		if strings.HasPrefix(topic, prefix) {
			return true
		}
	}
	return false
}

// room is how long to wait before looking again whether libzmq takes a message.
const room = 2 * time.Millisecond

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// unlessOver is an error of poll, nil where it only says that ctx has ended.
func unlessOver(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("poll: %w", err)
}
