package zmq

import (
	"context"
	"fmt"
	"slices"
)

// lose closes the connection. What was under way on one that had served before is sent once more, over a new one: the
// listener was restarted perhaps, and knows a message by its id should it have arrived both times.
func (r *requests) lose(why error) {
	r.drop()
	r.mu.Lock()
	defer r.mu.Unlock()
	again := []*call{}
	for _, c := range r.sent {
		if r.answered && c.lost == nil && kindOf(why) == Disconnected {
			c.lost = why
			again = append(again, c)
		} else {
			r.endLocked(c, nil, why)
		}
	}
	slices.SortFunc(again, func(a, b *call) int { return int(int32(a.id - b.id)) })
	clear(r.sent)
	r.waiting = append(again, r.waiting...)
}

// giveUp ends a request whose time is up. What libzmq has not got is never sent. A connection on which nothing came
// since, and for which nobody else waits, is closed: its peer may be gone without a word.
func (r *requests) giveUp(ctx context.Context, c *call) ([]byte, error) {
	r.mu.Lock()
	_, sent := r.sent[c.id]
	kind := r.stage.now()
	if r.reached != "" && slices.Index(reach, kind) < slices.Index(reach, r.reached) {
		kind = r.reached
	}
	text := missing(kind)
	if sent {
		kind, text = Timeout, noAnswer(r.strays-c.strays)
	}
	r.endLocked(c, nil, ended(ctx, ctx.Err(), kind, text, c.start)) // unless it has ended meanwhile
	quiet := sent && r.heard == c.heard && r.idleLocked()
	r.mu.Unlock()
	if quiet {
		r.retire()
	}
	return c.answer, c.err
}

func (r *requests) retire() {
	select {
	case r.turn <- struct{}{}:
		r.mu.Lock()
		idle := len(r.sent) == 0
		r.mu.Unlock()
		if idle {
			r.drop()
		}
		r.release()
	default: // somebody has begun another request; that one will see
	}
}

func noAnswer(strays int) string {
	if strays > 0 {
		return fmt.Sprintf("connected, but none of the %d answers carried the frames before the payload, so no answer", strays)
	}
	return "connected, but no answer"
}
