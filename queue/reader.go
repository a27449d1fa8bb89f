package queue

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// Reader reads a log, in any process that may write to its folder (SQLite keeps
// the -shm file beside a WAL there, whoever reads), while the listener writes and
// while none runs. It never holds up the listener: each call reads what was
// committed when it began, and keeps nothing open. Several goroutines may use one
// Reader, which serves them in turn.
type Reader struct {
	Poll time.Duration // how often Wait looks; 100 ms, and more than 0

	conn *sqlite.Conn
	seen atomic.Int64 // data_version that Wait returned for last

	pageBytes int // maxBytes
}

// OpenReader opens the log in folder for reading. The error is fs.ErrNotExist
// where no listener has made one yet.
func OpenReader(folder string) (*Reader, error) {
	conn, err := open(context.Background(), folder, "ro")
	if err != nil {
		return nil, err
	}
	return &Reader{Poll: 100 * time.Millisecond, conn: conn, pageBytes: maxBytes}, nil
}

// open connects to a log that has been made already.
func open(ctx context.Context, folder, mode string) (*sqlite.Conn, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	conn, err := file.Open(ctx, folder, mode)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return conn, nil
}

// Close releases the file.
func (r *Reader) Close() error { return r.conn.Close() }

// Wait returns when something was committed since it returned last; the first call
// returns at once. So a loop of reading to the end and then waiting misses nothing.
// It may return for a commit that was read already, or that added no message. One
// goroutine waits on one Reader; others open their own.
func (r *Reader) Wait(ctx context.Context) error {
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	for {
		var version int64
		if err := r.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
			return fmt.Errorf("queue: waiting: %w", err)
		}
		if r.seen.Swap(version) != version {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Counts tell how much a log holds.
type Counts struct {
	Messages        int64
	Last            int64 // position of the newest message, 0 when there is none
	Pruned          int64 // messages that left, ever
	DeadLetters     int64
	DeadLetterBytes int64
	Dropped         int64 // dead letters that went because newer ones needed the room, ever
}

// Counts reads them; it costs the same however long the log is.
func (r *Reader) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	err := r.conn.QueryRowContext(ctx, `SELECT (SELECT ifnull(max(position), 0) FROM messages),
		(SELECT ifnull(sum(messages), 0) FROM pruned), letters, bytes, dropped FROM dead_totals`).
		Scan(&c.Last, &c.Pruned, &c.DeadLetters, &c.DeadLetterBytes, &c.Dropped)
	if err != nil {
		return Counts{}, fmt.Errorf("queue: counting: %w", err)
	}
	c.Messages = c.Last - c.Pruned // positions have no other gaps
	return c, nil
}
