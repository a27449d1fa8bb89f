package zmq

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"syscall"
	"time"
)

// A request travels as REQ with REQ_CORRELATE sends it: [4-byte id][empty][payload]. A REP, or a ROUTER that echoes
// what precedes the payload, so answers [id][empty][answer], and the id tells whose answer it is: one that comes late,
// twice or unasked is passed over (facts/zeromq.md section 0, trap 12).

// exchange sends one request and waits for its answer, no longer than ctx. After an error the connection is to be
// closed. Many requests under way at once would need no more than a map from id to who waits.
func (c *connection) exchange(ctx context.Context, number uint32, payload []byte) ([]byte, error) {
	id := binary.BigEndian.AppendUint32(nil, number)
	if err := sendFrames(c.socket, id, nil, payload); err != nil {
		return nil, fail(Failed, "send: %w", err)
	}
	start, strays := time.Now(), 0
	for {
		if err := c.monitor.read(); err != nil {
			return nil, fail(Failed, "%w", err)
		}
		// After the events: an answer that came before the connection was lost is still there.
		answer, passed, err := c.receive(id)
		if answer != nil || err != nil {
			return answer, err
		}
		strays += passed
		if c.monitor.failed != nil {
			return nil, c.monitor.failed
		}
		if _, err := pollUntil(ctx, c.poller); err != nil {
			return nil, ended(ctx, err, Timeout, noAnswer(strays), start)
		}
	}
}

func noAnswer(strays int) string {
	if strays > 0 {
		return fmt.Sprintf("connected, but none of the %d answers carried the frames before the payload, so no answer", strays)
	}
	return "connected, but no answer"
}

// receive looks for the answer to id among what is there, without waiting; nil when it is not. Bounded, so that a peer
// that never stops talking does not keep its caller from the deadline.
func (c *connection) receive(id []byte) (answer []byte, passed int, err error) {
	for ; passed < 100; passed++ {
		frames, count, err := receiveFrames(c.socket, 3)
		switch {
		case is(err, syscall.EAGAIN):
			return nil, passed, nil
		case err != nil:
			return nil, passed, fail(Failed, "receive: %w", err)
		case count < 2 || !bytes.Equal(frames[0], id) || len(frames[1]) != 0:
		case count != 3:
			return nil, passed, fail(BadAnswer, "the answer has %d frames after the delimiter, one expected", count-2)
		default:
			return frames[2], passed, nil
		}
	}
	return nil, passed, nil
}
