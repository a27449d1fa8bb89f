package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// Pruning says which messages of a schema may leave. All members are required.
type Pruning struct {
	Schema string
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
	conn, err := connectWith(ctx, t.folder, func(*sqlite.Conn) error { return nil })
	if err != nil {
		return 0, err
	}
	// The newest message that is applied for sure stays: it says where to go on.
	p := &pass{Pruning: o, truth: t, conn: conn, end: min(o.Until, applied-1), at: order{from: math.MinInt64}}
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
	entity        string // of the message looked at last
	at            order  // of that
}

func (p *pass) prepare(ctx context.Context) error {
	return p.conn.Prepare(ctx, map[**sql.Stmt]string{
		// By entity: of each there is at most one that stays because it was the newest.
		&p.look: `SELECT f.entity, n.id, n."from", n.tie, n.position, (SELECT sender FROM _queue WHERE _queue.position = n.position),
			n.received_at < ?1 AND EXISTS (SELECT 1 FROM main._messages o WHERE o.id = n.id AND o."from" < ?1
				AND (o."from", o.tie, o.position) > (n."from", n.tie, n.position))
			FROM main._facts f CROSS JOIN main._messages n ON n.id = f.id
			WHERE f.schema = ?2 AND f.entity >= ?3 AND n."from" < ?1 AND (f.entity > ?3 OR (n."from", n.tie, n.position) > (?4, ?5, ?6))
			ORDER BY f.entity, n."from", n.tie, n.position LIMIT ?7`,
		&p.counted: stateText(),
	})
}

// leaving is a message that may leave.
type leaving struct {
	id int64 // of its entity
	order
	sender sql.NullString // not there where it has left the queue already
}

// step looks at the next messages, and lets those leave that may.
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
	some, looked, err := p.next(ctx)
	if err != nil {
		return false, err
	}
	if len(some) > 0 {
		if err := p.remove(ctx, some); err != nil {
			return false, err
		}
	}
	return looked == queue.MaxPruning, ctx.Err()
}

// next finds them.
func (p *pass) next(ctx context.Context) (some []leaving, looked int, err error) {
	rows, err := p.look.QueryContext(ctx, p.Before.UnixMicro(), p.Schema, p.entity, p.at.from, p.at.tie, p.at.position, queue.MaxPruning)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for ; rows.Next(); looked++ {
		var l leaving
		var over bool
		if err := rows.Scan(&p.entity, &l.id, &l.from, &l.tie, &l.position, &l.sender, &over); err != nil {
			return nil, 0, err
		}
		p.at = l.order
		if over && l.position <= p.end {
			some = append(some, l)
		}
	}
	return some, looked, rows.Err()
}

// remove lets messages leave, the queue first: see Prune. What was counted of their
// senders may hold later messages too.
func (p *pass) remove(ctx context.Context, some []leaving) error {
	o := queue.Pruning{Schema: p.Schema, WholeFrom: p.Before}
	senders := map[string]bool{}
	for _, l := range some {
		o.Positions = append(o.Positions, l.position)
		if l.sender.Valid {
			senders[l.sender.String] = true
		}
	}
	for sender := range senders {
		c := queue.Counted{Sender: sender, Schema: p.Schema}
		if err := p.counted.QueryRowContext(ctx, sender, p.Schema).Scan(&c.State); err != nil {
			return fmt.Errorf("reading what is known of %s: %w", sender, err)
		}
		o.Counted = append(o.Counted, c)
	}
	if err := p.Remove(ctx, o); err != nil {
		return err
	}
	p.removed += int64(len(some))
	return p.truth.forget(some)
}

// forget removes messages from the history.
func (t *Truth) forget(some []leaving) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.writer.transaction(func() error {
		for _, l := range some {
			if err := run(t.writer.forget, l.id, l.from, l.tie, l.position); err != nil {
				return err
			}
		}
		return nil
	})
}
