package zmq

import (
	"context"
	"encoding/binary"
	"slices"
	"syscall"

	"github.com/pebbe/zmq4"
)

// A request travels as REQ with REQ_CORRELATE sends it: [4-byte id][empty][payload]. A REP, or a ROUTER that echoes
// what precedes the payload, so answers [id][empty][answer], and the id tells whose answer it is: one that comes late,
// twice or unasked is passed over (facts/zeromq.md section 0, trap 12).

// exchange makes one request and waits for its answer, no longer than ctx. Of all who wait, one holds the link and
// does its work for everybody; when it has its own answer, the next one does. A lone request thus changes hands nowhere,
// and many share one connection and one wait.
func (r *requests) exchange(ctx context.Context, payload []byte) ([]byte, error) {
	c := r.add(payload)
	for {
		select {
		case <-c.done:
			return c.answer, c.err
		case <-ctx.Done():
			return r.giveUp(ctx, c)
		case r.turn <- struct{}{}:
			r.serve(ctx, c)
			r.release()
		}
	}
}

// serve sends and receives for everybody until own has ended or ctx has.
func (r *requests) serve(ctx context.Context, own *call) {
	r.lead(true)
	defer r.lead(false)
	for !own.ended() && ctx.Err() == nil {
		if r.connection == nil && !r.reconnect(ctx, own) {
			return
		}
		if err := r.work(); err != nil {
			r.lose(err)
			continue
		}
		if own.ended() {
			return
		}
		if _, err := pollUntil(ctx, r.connection.poller); err != nil && ctx.Err() == nil {
			r.lose(fail(Failed, "poll: %w", err))
		}
	}
}

// reconnect makes the connection. A failure that is not due to own's time being up is everybody's.
func (r *requests) reconnect(ctx context.Context, own *call) bool {
	err := r.connect(ctx)
	switch {
	case err == nil:
		r.connection.poller.Add(r.waker.near, zmq4.POLLIN)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answered, r.reached = false, ""
	case ctx.Err() == nil:
		r.endWaiting(err)
	case r.reach(kindOf(err)):
		r.end(own, nil, err)
	}
	return err == nil
}

// reach notes how far an attempt came that was given up, and reports whether none came further. The next one may have
// little time left, and says less.
func (r *requests) reach(kind ErrorKind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case kind == Canceled:
		return true
	case slices.Index(reach, kind) < slices.Index(reach, r.reached):
		return false
	}
	r.reached = kind
	return true
}

// work does what there is to do without waiting. The error says why the connection is no more.
func (r *requests) work() error {
	r.waker.rest()
	lost := r.connection.lost()
	// After the events: an answer that came before the connection was lost is still there.
	if err := r.receive(); err != nil {
		return err
	}
	if lost != nil {
		return lost
	}
	return r.send()
}

// send hands to libzmq what waits, as much as it takes. Under the lock, so that what was given up is never sent.
func (r *requests) send() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := zmq4.State(0)
	for len(r.waiting) > 0 && room == 0 {
		c := r.waiting[0]
		id := binary.BigEndian.AppendUint32(nil, c.id)
		err := sendFrames(r.connection.socket, id, nil, c.payload)
		switch {
		case is(err, syscall.EAGAIN):
			room = zmq4.POLLOUT
		case err != nil:
			return fail(Failed, "send: %w", err)
		default:
			r.waiting[0] = nil // else the list would hold it
			r.waiting = r.waiting[1:]
			r.sent[c.id] = c
			c.heard, c.strays = r.heard, r.strays
		}
	}
	_, err := r.connection.poller.UpdateBySocket(r.connection.socket, zmq4.POLLIN|room)
	return err
}

// receive takes in the answers that are there. Bounded, so that a peer that never stops talking does not keep its
// callers from their deadlines.
func (r *requests) receive() error {
	for range 100 {
		frames, count, err := receiveFrames(r.connection.socket, 3)
		switch {
		case is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return fail(Failed, "receive: %w", err)
		default:
			r.take(frames, count)
		}
	}
	return nil
}

// take gives an answer to who waits for it.
func (r *requests) take(frames [][]byte, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard++
	if count < 2 || len(frames[0]) != 4 || len(frames[1]) != 0 {
		r.strays++
		return
	}
	c, known := r.sent[binary.BigEndian.Uint32(frames[0])]
	switch {
	case !known:
	case count != 3:
		r.endLocked(c, nil, fail(BadAnswer, "the answer has %d frames after the delimiter, one expected", count-2))
	default:
		r.answered = true
		r.endLocked(c, frames[2], nil)
	}
}

// lead says whether somebody polls, whom a new request must wake.
func (r *requests) lead(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leading = on
}
