package zmq

import (
	"slices"
	"sync"
	"time"
)

// requests is the link of the request pattern: a DEALER with all requests to one endpoint, however many are under way.
type requests struct {
	link
	waker *waker

	mu      sync.Mutex
	waiting []*call          // not yet sent, in their order
	sent    map[uint32]*call // under way on the connection, by id
	leading bool             // somebody polls
	reached ErrorKind        // how far the attempts to connect came that were given up since there was a connection

	// Of the connection, to be read by those who give up.
	answered bool // it served a request
	heard    int  // what came, of any sort
	strays   int  // what came and is no answer
}

// call is one request, from Request's beginning to its end.
type call struct {
	id      uint32
	payload []byte
	start   time.Time

	lost          error // why it is to be sent a second time
	heard, strays int   // the connection's when it was sent

	done   chan struct{} // closed when answer and err stand
	answer []byte
	err    error
}

func (c *call) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// add puts a request in line and wakes who polls.
func (r *requests) add(payload []byte) *call {
	c := &call{id: r.client.ids.Add(1), payload: payload, start: time.Now(), done: make(chan struct{})}
	r.mu.Lock()
	r.waiting = append(r.waiting, c)
	leading := r.leading
	r.mu.Unlock()
	if leading {
		r.waker.wake()
	}
	return c
}

// end ends a request; the first end counts.
func (r *requests) end(c *call, answer []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(c, answer, err)
}

func (r *requests) endLocked(c *call, answer []byte, err error) {
	if c.ended() {
		return
	}
	if c.lost != nil && unsent(err) { // not the kind of err: the first time, it was sent
		err = fail(Disconnected, "%w; then %w", cause(c.lost), cause(err))
	}
	c.answer, c.err = answer, err
	close(c.done)
	delete(r.sent, c.id)
	if i := slices.Index(r.waiting, c); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
	}
}

// endWaiting ends all that is not yet sent.
func (r *requests) endWaiting(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range slices.Clone(r.waiting) {
		r.endLocked(c, nil, err)
	}
}

func (r *requests) idleLocked() bool {
	return len(r.sent) == 0 && len(r.waiting) == 0
}

func (r *requests) close() {
	r.drop()
	r.waker.close()
}
