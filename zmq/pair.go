package zmq

import (
	"context"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// heldPair is the way out where a pair says nothing: whoever else was connected first has it (facts/zeromq.md, trap 7).
const heldPair = "another peer may hold this pair, which serves one at a time; or the listener is overloaded or gives no receipts here"

// Pair sends payload to the peer of a PAIR socket, as one frame. With accept nil it returns as soon as libzmq has the
// message for a connected peer: at most once, and where another peer holds the pair it vanishes, which nobody can tell.
//
// With accept it waits for an answer: what comes from the peer is given to accept, a message after the other, and the
// first one that it takes is returned. A pair has no ids, so accept must know the answer by what is in it: those to
// earlier calls may come late. One such call is under way at a time, others wait their turn. A connection without an
// answer in time is closed (Timeout), and one kept from earlier calls that breaks is made anew and the message sent
// again: at least once, as with Request. It never takes longer than ctx, or ClientOptions.Timeout.
func (c *Client) Pair(ctx context.Context, endpoint string, payload []byte, accept func(answer []byte) bool) ([]byte, error) {
	to, err := ParseEndpoint(endpoint)
	if err != nil {
		return nil, &Error{Kind: BadEndpoint, Endpoint: endpoint, Err: err}
	}
	var answer []byte
	err = c.call(ctx, endpoint, payload, func(ctx context.Context) (err error) {
		answer, err = c.linkTo(zmq4.PAIR, to).pair(ctx, payload, accept)
		return err
	})
	return answer, err
}

func (l *link) pair(ctx context.Context, payload []byte, accept func([]byte) bool) ([]byte, error) {
	if err := l.hold(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	kept := l.connection != nil
	answer, err := l.pairOnce(ctx, payload, accept)
	if kept && accept != nil && kindOf(err) == Disconnected {
		lost := err
		if answer, err = l.pairOnce(ctx, payload, accept); unsent(err) {
			err = fail(Disconnected, "%w; then %w", cause(lost), cause(err))
		}
	}
	return answer, err
}

func (l *link) pairOnce(ctx context.Context, payload []byte, accept func([]byte) bool) ([]byte, error) {
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	err := l.connection.sendPair(ctx, payload)
	if err != nil || accept == nil {
		return nil, err
	}
	answer, err := l.connection.awaitPair(ctx, accept)
	if err != nil {
		l.drop()
	}
	return answer, err
}

// sendPair sends as soon as the peer has room. What came unasked is read and passed over, lest it fill up.
func (c *connection) sendPair(ctx context.Context, payload []byte) error {
	start := time.Now()
	for {
		if _, err := c.nextPair(nil); err != nil {
			return err
		}
		err := sendFrames(c.socket, payload)
		if err == nil {
			return nil
		}
		if !is(err, syscall.EAGAIN) {
			return fail(Failed, "send: %w", err)
		}
		if lost := c.lost(); lost != nil {
			return lost
		}
		if ctx.Err() != nil {
			return ended(ctx, ctx.Err(), Stuck, "connected, but the peer takes no more", start)
		}
		c.awaitRoom(ctx, slice)
	}
}

func (c *connection) awaitPair(ctx context.Context, accept func([]byte) bool) ([]byte, error) {
	start := time.Now()
	for {
		lost := c.lost()
		answer, err := c.nextPair(accept)
		if answer != nil || err != nil {
			return answer, err
		}
		if lost != nil {
			return nil, lost
		}
		if _, err := pollUntil(ctx, c.poller); err != nil {
			err := ended(ctx, err, Timeout, "connected, but no answer", start)
			return nil, &Error{Kind: kindOf(err), Err: cause(err), way: heldPair}
		}
	}
}

// nextPair looks through what has come for an answer that accept takes; nil when there is none. Bounded, so that a peer
// that never stops talking does not keep its caller from the deadline.
func (c *connection) nextPair(accept func([]byte) bool) ([]byte, error) {
	for range 100 {
		frames, count, err := receiveFrames(c.socket, 2)
		switch {
		case is(err, syscall.EAGAIN):
			return nil, nil
		case err != nil:
			return nil, fail(Failed, "receive: %w", err)
		case accept != nil && count == 1 && accept(frames[0]):
			return frames[0], nil
		}
	}
	return nil, nil
}
