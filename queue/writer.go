package queue

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// writer is the one connection that writes. Only the committer uses it.
type writer struct {
	options Options
	conn    *sqlite.Conn
	senders map[string]int64 // numbers of the senders last seen, at most maxSenders
	inWAL   int64            // bytes written since the last checkpoint, estimated
	tail    *walTail
	epoch   string // names the file
	pruned  bool   // messages left, ever: their ids may be remembered

	senderIDs []int64 // of writeTogether
	values    []any

	findSender, addSender         *sql.Stmt
	insert, find, age             *sql.Stmt
	bury, deadTotals, drop, count *sql.Stmt
	outlive                       *sql.Stmt
	recall, leave, forget         *sql.Stmt
	remember, remove, note, total *sql.Stmt
}

// openWriter opens the file in folder, made or brought up to date where needed.
func openWriter(folder string, o Options) (*writer, error) {
	ctx := context.Background()
	conn, err := file.Make(ctx, folder)
	if err != nil {
		return nil, err
	}
	w := &writer{options: o, conn: conn, senders: map[string]int64{}}
	// Checkpoints are ours (see checkpoint); a WAL that a long reader made grow is cut afterwards.
	if err = w.run("PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864"); err == nil {
		err = w.prepare(ctx)
	}
	if err == nil {
		err = conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pruned)").Scan(&w.pruned)
	}
	if err == nil {
		err = conn.QueryRowContext(ctx, "SELECT name FROM epoch").Scan(&w.epoch)
	}
	if err == nil {
		w.tail, err = openWALTail(folder)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w.growWAL()
	return w, nil
}

func (w *writer) close() error { return errors.Join(w.tail.file.Close(), w.conn.Close()) }

func (w *writer) prepare(ctx context.Context) error {
	return w.conn.Prepare(ctx, map[**sql.Stmt]string{
		&w.findSender: "SELECT id FROM senders WHERE digest = ?",
		&w.addSender:  "INSERT INTO senders (digest) VALUES (?)",
		&w.insert:     insertHead + insertRow + insertTail,
		&w.find:       "SELECT position, received_at FROM messages WHERE message_id = ? AND sender = ? AND aged = 0",
		&w.age:        "UPDATE messages SET aged = position WHERE position = ?",
		&w.bury: `INSERT INTO dead_letters (received_at, pattern, peer, sender, code, reason, size, bytes, frame)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&w.deadTotals: "SELECT letters, bytes FROM dead_totals",
		&w.drop:       "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters ORDER BY id LIMIT ?)",
		&w.outlive:    "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE received_at < ? ORDER BY id LIMIT ?)",
		&w.count:      "UPDATE dead_totals SET dropped = dropped + ?",
		&w.recall:     "SELECT position, received_at FROM remembered WHERE message_id = ? AND sender = ?",
		// The newest message stays, for the next one's position is counted from it.
		&w.leave: `SELECT received_at, sender, schema, message_id FROM messages
			WHERE position = ? AND position < (SELECT max(position) FROM messages)`,
		&w.remember: "INSERT OR REPLACE INTO remembered (position, received_at, sender, schema, message_id) VALUES (?, ?, ?, ?, ?)",
		&w.remove:   "DELETE FROM messages WHERE position = ?",
		&w.note:     "INSERT OR REPLACE INTO counted (sender, schema, state) VALUES (?, ?, ?)",
		&w.total: `INSERT INTO pruned (schema, messages, position, whole_from) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			messages = messages + excluded.messages, position = max(position, excluded.position), whole_from = max(whole_from, excluded.whole_from)`,
		&w.forget: `DELETE FROM remembered WHERE received_at < ?1 AND position IN (SELECT position FROM remembered ORDER BY position LIMIT ?2)`,
	})
}

func (w *writer) run(text string) error { return w.conn.Run(text) }

// step is run for what each transaction begins and ends with: it is compiled once.
func (w *writer) step(text string) error {
	return w.conn.Direct(func(d sqlite.Direct) error {
		return d.Query(context.Background(), text, nil, func([]string, []driver.Value) error { return nil })
	})
}
