package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// Pruning says which messages of a schema may leave. All members are required.
type Pruning struct {
	Schema string    // one of Options.Kept
	Before time.Time // only what was received, and was no longer true, before
	Until  int64     // only up to this position: so far all handlers have come
	Remove func(context.Context, queue.Pruning) error
	// Remove takes them out of the queue, and returns when that is on disk: queue.Queue's Prune.
}

// Prune lets messages leave the queue and the history of the truth, and returns how
// many. What is true now stays, and so does what was true at Before or after: as of
// any time from then on the truth is whole. Neither do messages leave that were
// passed over, for nobody has read them yet.
//
// It works in small steps, after each of which it rests, and may be cut off between
// any two: the queue's part of a step comes first, and what is then still in the
// history is found again. It ends where a rebuild begins. What rebuild makes is the
// same before and after a whole Prune, for what was counted of the messages is noted
// in the queue.
func (t *Truth) Prune(ctx context.Context, o Pruning) (removed int64, err error) {
	applied, err := t.sync()
	if err != nil {
		return 0, fmt.Errorf("truth: pruning: %w", err)
	}
	conn, err := Connect(ctx, t.folder)
	if err != nil {
		return 0, err
	}
	// The newest message that is applied for sure stays: it says where to go on.
	p := &pass{Pruning: o, truth: t, conn: conn, end: min(o.Until, applied-1)}
	err = p.prepare(ctx)
	for more := true; more && err == nil; {
		began := time.Now()
		if more, err = p.step(ctx); err == nil && more {
			t.pause(restShare*time.Since(began), ctx.Done()) // the disk and the processors are others'
		}
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		err = fmt.Errorf("truth: pruning %s: %w", o.Schema, err)
	}
	return p.removed, err
}

// sync gives a position up to which all is applied, whatever power failure comes.
func (t *Truth) sync() (position int64, err error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	position = t.Status().Position
	// SQLite has no locks on this file, so that opening and closing it is allowed.
	wal, err := os.Open(filepath.Join(t.folder, fileName+"-wal"))
	if errors.Is(err, fs.ErrNotExist) {
		return position, nil // all of it is in the file, synced
	}
	if err != nil {
		return 0, err
	}
	return position, errors.Join(wal.Sync(), wal.Close())
}

// pass is one Prune.
type pass struct {
	Pruning
	truth   *Truth
	conn    *sqlite.Conn // reads
	end     int64        // only up to this position
	removed int64

	look, counted *sql.Stmt
	received, at  int64 // of the message looked at last
}

func (p *pass) prepare(ctx context.Context) error {
	return p.conn.Prepare(ctx, map[**sql.Stmt]string{
		// The schema stands in the text, for only so does SQLite know that the index fits.
		&p.look: `SELECT received_at, position, ifnull(sender, (SELECT entity FROM _facts WHERE _facts.id = s.id)), EXISTS (SELECT 1 FROM _order n
				WHERE n.id = s.id AND n."from" < ?1 AND (n."from", n.tie, n.position) > (s."from", s.tie, s.position))
			FROM _said s WHERE schema = ` + literal(p.Schema) + ` AND received_at < ?1 AND (received_at, position) > (?2, ?3)
			ORDER BY received_at, position LIMIT ?4`,
		&p.counted: stateText(),
	})
}

// step looks at the next messages by age, and lets those leave that may.
func (p *pass) step(ctx context.Context) (more bool, err error) {
	lock, err := lockFile(p.truth.folder, rebuildLockName, unix.LOCK_SH)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil // what a rebuild has not read yet must not leave
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	if p.truth.handedOver() {
		return false, nil
	}
	positions, senders, looked, err := p.next(ctx)
	if err != nil {
		return false, err
	}
	if len(positions) > 0 {
		if err := p.remove(ctx, positions, senders); err != nil {
			return false, err
		}
	}
	return looked == queue.MaxPruning, ctx.Err()
}

// next finds them.
func (p *pass) next(ctx context.Context) (positions []int64, senders map[string]bool, looked int, err error) {
	rows, err := p.look.QueryContext(ctx, p.Before.UnixMicro(), p.received, p.at, queue.MaxPruning)
	if err != nil {
		return nil, nil, 0, err
	}
	defer rows.Close()
	senders = map[string]bool{}
	for ; rows.Next(); looked++ {
		var sender string
		var over bool
		if err := rows.Scan(&p.received, &p.at, &sender, &over); err != nil {
			return nil, nil, 0, err
		}
		if over && p.at <= p.end {
			positions = append(positions, p.at)
			senders[sender] = true
		}
	}
	return positions, senders, looked, rows.Err()
}

// remove lets messages leave, the queue first: see Prune. What was counted of their
// senders may hold later messages too.
func (p *pass) remove(ctx context.Context, positions []int64, senders map[string]bool) error {
	leaving := queue.Pruning{Schema: p.Schema, Positions: positions, WholeFrom: p.Before}
	for sender := range senders {
		c := queue.Counted{Sender: sender, Schema: p.Schema}
		if err := p.counted.QueryRowContext(ctx, sender, p.Schema).Scan(&c.State); err != nil {
			return fmt.Errorf("reading what is known of %s: %w", sender, err)
		}
		leaving.Counted = append(leaving.Counted, c)
	}
	if err := p.Remove(ctx, leaving); err != nil {
		return err
	}
	p.removed += int64(len(positions))
	return p.truth.forget(positions)
}

// forget removes messages from the history.
func (t *Truth) forget(positions []int64) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.writer.transaction(func() error {
		for _, position := range positions {
			if err := errors.Join(run(t.writer.disorder, position), run(t.writer.forget, position)); err != nil {
				return err
			}
		}
		return nil
	})
}
