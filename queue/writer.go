package queue

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// checkpointPages is after how many 4 KiB pages in the WAL they are folded into
// the file, about.
const checkpointPages = 4000

// writer is the one connection that writes. Only the committer uses it.
type writer struct {
	options Options
	db      *sql.DB
	conn    *sql.Conn
	senders map[string]int64 // numbers of the senders last seen, at most maxSenders
	inWAL   int64            // bytes written since the last checkpoint, estimated

	findSender, addSender         *sql.Stmt
	insert, find, age             *sql.Stmt
	bury, deadTotals, drop, count *sql.Stmt
	prepared                      []*sql.Stmt // all of them
}

// openWriter opens the file in folder, made or brought up to date where needed.
func openWriter(folder string, o Options) (*writer, error) {
	if err := makeFile(folder); err != nil {
		return nil, err
	}
	ctx := context.Background()
	db, conn, err := connect(ctx, folder, "rw")
	if err != nil {
		return nil, err
	}
	w := &writer{options: o, db: db, conn: conn, senders: map[string]int64{}}
	if err = w.upgrade(ctx, folder); err == nil {
		err = w.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.release())
	}
	return w, nil
}

func (w *writer) upgrade(ctx context.Context, folder string) error {
	from, err := format(ctx, w.conn, folder)
	if err != nil {
		return err
	}
	if err := w.setDurable(ctx); err != nil {
		return err
	}
	for n := from; n < len(formats); n++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
			formats[n], applicationID, n+1)
		if err := w.run(step); err != nil {
			return fmt.Errorf("making format %d: %w", n+1, err)
		}
	}
	return nil
}

// setDurable chooses WAL and reads back what an acknowledgement rests on, for
// SQLite answers with what it did rather than with an error.
func (w *writer) setDurable(ctx context.Context) error {
	var journal string
	var synchronous int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&journal); err != nil {
		return err
	}
	if err := w.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if journal != "wal" || synchronous < 2 {
		return fmt.Errorf("the file system gives no durable commits (journal_mode %s, synchronous %d): use a local one", journal, synchronous)
	}
	// Checkpoints are ours (see checkpoint); a WAL that a long reader made grow is cut afterwards.
	return w.run("PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864")
}

func (w *writer) prepare(ctx context.Context) error {
	var problems []error
	prepare := func(text string) *sql.Stmt {
		s, err := w.conn.PrepareContext(ctx, text)
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		w.prepared = append(w.prepared, s)
		return s
	}
	w.findSender = prepare("SELECT id FROM senders WHERE digest = ?")
	w.addSender = prepare("INSERT INTO senders (digest) VALUES (?)")
	w.insert = prepare(`INSERT INTO messages (received_at, pattern, sender, peer, schema, version, message_id, issued_at, seq, frame)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	w.find = prepare("SELECT position, received_at FROM messages WHERE message_id = ? AND sender = ? AND aged = 0")
	w.age = prepare("UPDATE messages SET aged = position WHERE position = ?")
	w.bury = prepare(`INSERT INTO dead_letters (received_at, pattern, peer, sender, code, reason, size, bytes, frame)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	w.deadTotals = prepare("SELECT letters, bytes FROM dead_totals")
	w.drop = prepare("DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters ORDER BY id LIMIT ?)")
	w.count = prepare("UPDATE dead_totals SET dropped = dropped + ?")
	return errors.Join(problems...)
}

func (w *writer) run(text string) error {
	_, err := w.conn.ExecContext(context.Background(), text)
	return err
}

// write stores the batch in one transaction and sets in each entry what became of it.
func (w *writer) write(batch []entry) error {
	if err := w.run("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("queue: beginning a transaction: %w", err)
	}
	if err := w.writeAll(batch); err != nil {
		return w.rollBack(fmt.Errorf("queue: writing: %w", err))
	}
	if err := w.run("COMMIT"); err != nil {
		return w.rollBack(fmt.Errorf("queue: committing: %w", err))
	}
	w.inWAL += 3 * 4096 // the pages at the edges, which each commit writes again
	return nil
}

func (w *writer) writeAll(batch []entry) error {
	letters := false
	for i := range batch {
		e := &batch[i]
		w.inWAL += e.bytes
		var err error
		if e.letter != nil {
			letters = true
			err = w.writeLetter(e.letter)
		} else {
			e.stored, err = w.writeMessage(&e.message)
		}
		if err != nil {
			return err
		}
	}
	if letters {
		return w.dropOldest()
	}
	return nil
}

// rollBack undoes a transaction that failed for cause, where SQLite has not done so
// itself, and returns cause. An error of its own is not wrapped: it is never one
// that the queue recovers from.
func (w *writer) rollBack(cause error) error {
	clear(w.senders) // some may have been numbered in this transaction
	err := w.conn.Raw(func(c any) error {
		if c.(*sqlite3.SQLiteConn).AutoCommit() {
			return driver.ErrSkip
		}
		return nil
	})
	if err == nil {
		err = w.run("ROLLBACK")
	}
	if err != nil && err != driver.ErrSkip {
		return fmt.Errorf("%v; rolling back: %v", cause, err)
	}
	return cause
}

// checkpoint folds the WAL into the file when it has grown long. SQLite would do
// so within COMMIT, before anybody is answered, and would keep errors to itself.
func (w *writer) checkpoint() error {
	if w.inWAL < checkpointPages*4096 {
		return nil
	}
	w.inWAL = 0
	if err := w.run("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return fmt.Errorf("queue: checkpoint: %w", err)
	}
	return nil
}

func (w *writer) close() error {
	w.inWAL = checkpointPages * 4096
	return errors.Join(w.checkpoint(), w.release())
}

// release closes the file. SQLite keeps it open while a statement is, and
// database/sql does not close those of a sql.Conn.
func (w *writer) release() error {
	var problems []error
	for _, s := range w.prepared {
		problems = append(problems, s.Close())
	}
	return errors.Join(append(problems, w.conn.Close(), w.db.Close())...)
}
