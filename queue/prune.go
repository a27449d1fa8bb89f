package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// MaxPruning is how many positions one Pruning may name: so many are removed in a
// few milliseconds, for which those wait that are put meanwhile.
const MaxPruning = 200

// Pruning is what leaves the log at once, and what is noted of it.
type Pruning struct {
	Schema    string
	Positions []int64   // of messages of Schema; those that are not there are passed over, and so is the newest of all
	WholeFrom time.Time // from then on the truth of Schema can still be told, see Reader.Pruned
	Counted   []Counted // of each sender of those messages
}

// Counted is what had been counted of a sender's messages of a schema, some of
// which may have left. State is the truth's, and means nothing to the queue.
type Counted struct {
	Sender, Schema string
	State          string
}

// pruning is a Prune on its way to the disk.
type pruning struct {
	Pruning
	done chan error
}

// Prune removes messages in a transaction of its own, after the answers to what was
// put before, and returns when that is on disk. Their ids are remembered for as
// long as they could come again (DuplicateWindow), and those that cannot any more
// are forgotten, and dead letters that are too old leave, up to MaxPruning of each; so a
// Pruning without positions is good for something too. One at a time: others wait.
func (q *Queue) Prune(ctx context.Context, p Pruning) error {
	if len(p.Positions) > MaxPruning {
		return fmt.Errorf("queue: pruning %d messages at once, %d are the most", len(p.Positions), MaxPruning)
	}
	select {
	case q.oneAtATime <- struct{}{}:
		defer func() { <-q.oneAtATime }()
	case <-ctx.Done():
		return ctx.Err()
	}
	waits := &pruning{p, make(chan error, 1)}
	if err := q.waiting.addPruning(waits); err != nil {
		return err
	}
	return <-waits.done // soon: the committer ends no other way
}

func (w *waiting) addPruning(p *pruning) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	w.pruning = p
	w.some.Signal()
	return nil
}

func (q *Queue) prune(p Pruning) error {
	if err := q.Err(); err != nil {
		return err
	}
	err := q.writer.transaction(func() error { return q.writer.prune(p, q.options.Now()) })
	q.watch(err)
	return err
}

// prune does it within the open transaction.
func (w *writer) prune(p Pruning, now time.Time) error {
	oldest := now.Add(-DuplicateWindow).UnixMicro()
	var removed, last int64
	for _, position := range p.Positions {
		there, err := w.letGo(position, p.Schema, oldest)
		if err != nil {
			return fmt.Errorf("removing message %d: %w", position, err)
		}
		if there {
			removed++
			last = max(last, position)
		}
	}
	w.inWAL += (removed + 1) * 4096
	if removed > 0 {
		w.pruned = true // where this is rolled back it costs a look for nothing
		if _, err := w.total.Exec(p.Schema, removed, last, p.WholeFrom.UnixMicro()); err != nil {
			return fmt.Errorf("counting what left: %w", err)
		}
	}
	for _, c := range p.Counted {
		if err := w.noteCounted(c); err != nil {
			return fmt.Errorf("noting what was counted of %s: %w", c.Sender, err)
		}
	}
	if _, err := w.forget.Exec(oldest, MaxPruning); err != nil {
		return err
	}
	return w.dropAged(now)
}

// letGo removes a message if it is there.
func (w *writer) letGo(position int64, schema string, oldest int64) (bool, error) {
	var receivedAt, sender int64
	var of, id string
	err := w.leave.QueryRow(position).Scan(&receivedAt, &sender, &of, &id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err == nil && of != schema:
		err = fmt.Errorf("it is of schema %s, not %s", of, schema)
	case err == nil && receivedAt >= oldest:
		_, err = w.remember.Exec(position, receivedAt, sender, of, id)
	}
	if err != nil {
		return false, err
	}
	_, err = w.remove.Exec(position)
	return err == nil, err
}

func (w *writer) noteCounted(c Counted) error {
	sender, err := w.senderNumber(c.Sender)
	if err != nil {
		return err
	}
	_, err = w.note.Exec(sender, c.Schema, c.State)
	return err
}
