package queue

import (
	"errors"
	"fmt"
	"sync"
)

// entry is one Put or Bury on its way to the disk.
type entry struct {
	message Message
	letter  *DeadLetter // set in a Bury; message is empty then
	bytes   int64
	stored  Stored
	done    func(Stored)
}

// waiting is what was put and is not yet on disk: a bounded list that many fill
// and the committer empties. What the committer has taken counts until it is
// released, so the bounds hold for all that is in memory.
type waiting struct {
	batch, most int
	mostBytes   int64

	mu      sync.Mutex
	some    sync.Cond // entries or a pruning came, or closed
	entries []entry
	count   int
	bytes   int64
	pruning *pruning // at most one
	closed  bool
}

func newWaiting(o Options) *waiting {
	w := &waiting{batch: o.Batch, most: o.Waiting, mostBytes: o.WaitingBytes}
	w.some.L = &w.mu
	return w
}

func (w *waiting) add(e entry) error {
	if e.bytes > w.mostBytes {
		return fmt.Errorf("%w: %d bytes, %d may wait", ErrTooLarge, e.bytes, w.mostBytes)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	if w.count >= w.most || w.bytes+e.bytes > w.mostBytes {
		return ErrFull
	}
	w.entries = append(w.entries, e)
	w.count++
	w.bytes += e.bytes
	w.some.Signal()
	return nil
}

// take waits for entries or a pruning, and appends to batch as many entries as one
// transaction holds. It returns neither once the list is closed and empty.
func (w *waiting) take(batch []entry) ([]entry, *pruning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.entries) == 0 && w.pruning == nil && !w.closed {
		w.some.Wait()
	}
	p := w.pruning
	w.pruning = nil
	n := min(len(w.entries), w.batch)
	batch = append(batch, w.entries[:n]...)
	rest := copy(w.entries, w.entries[n:])
	clear(w.entries[rest:])
	w.entries = w.entries[:rest]
	return batch, p
}

// release makes room for as much as batch took.
func (w *waiting) release(batch []entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count -= len(batch)
	for i := range batch {
		w.bytes -= batch[i].bytes
	}
}

func (w *waiting) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.some.Signal()
}

func (w *waiting) size() (int, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count, w.bytes
}

// Put hands m over to be stored and returns at once. When it returns nil, done is
// called exactly once, after the commit or its failure; when it returns an error
// (ErrFull, ErrTooLarge, ErrClosed, ErrBroken, or a message without id or frame),
// never. The frame must not be changed before done.
//
// done runs in the committer: it must return at once, for all others wait, and
// must not call Close. It may be nil.
func (q *Queue) Put(m Message, done func(Stored)) error {
	if m.MessageID == "" || len(m.Frame) == 0 {
		return errors.New("queue: a message needs an id and a frame")
	}
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = q.options.Now()
	}
	if done == nil {
		done = func(Stored) {}
	}
	return q.add(entry{message: m, bytes: int64(len(m.Frame)), done: done})
}

// Bury hands d over to be kept as a dead letter; its ID is given by the queue, its
// Size is that of the frame unless set. For the rest it is as Put.
func (q *Queue) Bury(d DeadLetter, done func(error)) error {
	if d.ReceivedAt.IsZero() {
		d.ReceivedAt = q.options.Now()
	}
	if d.Size == 0 {
		d.Size = len(d.Frame)
	}
	stored := func(s Stored) {
		if done != nil {
			done(s.Err)
		}
	}
	return q.add(entry{letter: &d, bytes: d.bytes(), done: stored})
}

func (q *Queue) add(e entry) error {
	if err := q.Err(); err != nil {
		return err
	}
	return q.waiting.add(e)
}
