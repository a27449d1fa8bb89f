package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DeadLetter is one refused message, kept with the reason.
type DeadLetter struct {
	ID         int64     // given by the queue, never given twice
	ReceivedAt time.Time // kept to the microsecond, in UTC; the time of Bury when zero
	Pattern    string
	Peer       string
	Sender     string // as far as it was proved; "" else
	Code       string
	Reason     string
	Size       int    // bytes that were received, also where Frame holds only some or none of them
	Frame      []byte // the bytes as received, whatever they are
}

// bytes is what a dead letter counts against its bound: all that a stranger can make long.
func (d *DeadLetter) bytes() int64 {
	return int64(len(d.Frame) + len(d.Reason) + len(d.Sender) + len(d.Peer))
}

func (w *writer) writeLetter(d *DeadLetter) error {
	frame := d.Frame
	if frame == nil {
		frame = []byte{} // nil would be NULL
	}
	_, err := w.bury.Exec(d.ReceivedAt.UnixMicro(), d.Pattern, d.Peer, d.Sender, d.Code, d.Reason, d.Size, d.bytes(), frame)
	if err != nil {
		return fmt.Errorf("inserting a dead letter: %w", err)
	}
	return nil
}

// dropOldest removes dead letters until the rest is within its bounds, and counts
// them. The newest one stays, however large.
func (w *writer) dropOldest() error {
	var dropped int64
	for {
		var letters, bytes int64
		if err := w.deadTotals.QueryRow().Scan(&letters, &bytes); err != nil {
			return fmt.Errorf("reading the dead letters' totals: %w", err)
		}
		excess := letters - w.options.DeadLetters
		if bytes > w.options.DeadLetterBytes {
			excess = max(excess, 1)
		}
		if excess = min(excess, letters-1); excess <= 0 {
			break
		}
		if _, err := w.drop.Exec(excess); err != nil {
			return fmt.Errorf("dropping the oldest dead letters: %w", err)
		}
		dropped += excess
	}
	return w.countDropped(dropped)
}

// dropAged removes dead letters that are too old, up to MaxPruning of them, and counts
// them.
func (w *writer) dropAged(now time.Time) error {
	result, err := w.outlive.Exec(now.Add(-w.options.DeadLetterAge).UnixMicro(), MaxPruning)
	if err != nil {
		return fmt.Errorf("dropping old dead letters: %w", err)
	}
	dropped, err := result.RowsAffected()
	if err != nil {
		return err
	}
	return w.countDropped(dropped)
}

func (w *writer) countDropped(dropped int64) error {
	if dropped == 0 {
		return nil
	}
	_, err := w.count.Exec(dropped)
	return err
}

// PurgeDeadLetters removes the dead letters with these ids and returns how many
// there were. It may run in another process than the listener, which waits the
// moment that it takes, or while none runs.
func PurgeDeadLetters(ctx context.Context, folder string, ids []int64) (removed int64, err error) {
	conn, err := open(ctx, folder, "rw")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return 0, fmt.Errorf("queue: purging: %w", err)
	}
	for _, id := range ids {
		result, err := conn.ExecContext(ctx, "DELETE FROM dead_letters WHERE id = ?", id)
		if err != nil {
			return 0, fmt.Errorf("queue: purging: %w", err) // closing rolls back
		}
		n, _ := result.RowsAffected() // SQLite always knows
		removed += n
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return 0, fmt.Errorf("queue: purging: %w", err)
	}
	return removed, nil
}
