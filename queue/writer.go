package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

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
		return nil, errors.Join(err, w.close())
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

// close closes the file. SQLite keeps it open while a statement is, and
// database/sql does not close those of a sql.Conn.
func (w *writer) close() error {
	var problems []error
	for _, s := range w.prepared {
		problems = append(problems, s.Close())
	}
	return errors.Join(append(problems, w.conn.Close(), w.db.Close())...)
}
