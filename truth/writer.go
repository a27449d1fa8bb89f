package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// writer is the one connection that writes.
type writer struct {
	conn     *sqlite.Conn
	registry *schemas.Registry
	unique   map[string]bool // schemas of which a version has unique properties

	getLatest, supersede, put, putHistory  *sql.Stmt
	uniqueValues, addUnique, removeUnique  *sql.Stmt
	getCounter, putCounter, skip, moveMeta *sql.Stmt
}

func openWriter(folder string, f sqlite.File) (*writer, error) {
	ctx := context.Background()
	conn, err := f.Make(ctx, folder)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn}
	// A large checkpoint writes a page that changed often once (facts: 1.6 times the rows a second).
	if err = conn.Run("PRAGMA wal_autocheckpoint = 20000; PRAGMA journal_size_limit = 134217728"); err == nil {
		err = w.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) error {
	const values = "(" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	return w.conn.Prepare(ctx, map[**sql.Stmt]string{
		&w.getLatest:  `SELECT "from", tie, position, version, content FROM _latest WHERE schema = ? AND entity = ?`,
		&w.supersede:  "INSERT INTO _history (" + columns + ") SELECT " + columns + " FROM _latest WHERE schema = ? AND entity = ?",
		&w.putHistory: "INSERT INTO _history " + values,
		&w.put: "INSERT INTO _latest " + values + ` ON CONFLICT (schema, entity) DO UPDATE SET "from" = excluded."from",
			tie = excluded.tie, position = excluded.position, sender = excluded.sender, message_id = excluded.message_id,
			version = excluded.version, issued_at = excluded.issued_at, seq = excluded.seq, received_at = excluded.received_at,
			content = excluded.content`,
		&w.uniqueValues: "SELECT property, value FROM _unique WHERE schema = ? AND entity = ?",
		&w.addUnique:    "INSERT INTO _unique (schema, entity, property, value) VALUES (?, ?, ?, ?)",
		&w.removeUnique: "DELETE FROM _unique WHERE schema = ? AND entity = ? AND property = ? AND value = ?",
		&w.getCounter: `SELECT first_seen, last_seen, messages, low, high, high_at, began_at, gaps, missing
			FROM _senders WHERE sender = ? AND schema = ?`,
		&w.putCounter: `INSERT OR REPLACE INTO _senders (sender, schema, first_seen, last_seen, messages, low, high, high_at, began_at, gaps, missing)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&w.skip:     "INSERT INTO _skipped (position, reason) VALUES (?, ?)",
		&w.moveMeta: "UPDATE _meta SET position = ?, message_id = ?",
	})
}

func (w *writer) status() (s Status, err error) {
	err = w.conn.QueryRowContext(context.Background(),
		"SELECT position, (SELECT count(*) FROM _skipped) FROM _meta").Scan(&s.Position, &s.Skipped)
	return s, err
}

// position is up to where the queue is applied, and the id of the message there.
func (w *writer) position() (position int64, id string, err error) {
	err = w.conn.QueryRowContext(context.Background(), "SELECT position, message_id FROM _meta").Scan(&position, &id)
	return position, id, err
}

// apply writes what the messages say and that they are applied, in one transaction.
func (w *writer) apply(messages []queue.Message) (*batch, error) {
	b := newBatch(w.registry)
	for i := range messages {
		b.add(&messages[i])
	}
	err := w.transaction(func() error {
		if err := w.write(b); err != nil {
			return err
		}
		last := &messages[len(messages)-1]
		_, err := w.moveMeta.Exec(last.Position, last.MessageID)
		return err
	})
	return b, err
}

func (w *writer) transaction(f func() error) error {
	if err := w.conn.Run("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := f(); err != nil {
		return w.conn.RollBack(fmt.Errorf("writing: %w", err))
	}
	if err := w.conn.Run("COMMIT"); err != nil {
		return w.conn.RollBack(fmt.Errorf("committing: %w", err))
	}
	return nil
}

func (w *writer) write(b *batch) error {
	for _, k := range b.keys() {
		changed, err := w.writeEntity(k, b.values[k])
		if err != nil {
			return fmt.Errorf("schema %s: %w", k.schema, err)
		}
		if changed {
			b.changes = append(b.changes, Change{k.schema, k.entity, b.values[k][0].schema.Entity.Sender})
		}
	}
	if err := w.writeCounters(b.heard); err != nil {
		return err
	}
	for _, s := range b.skipped {
		if _, err := w.skip.Exec(s.position, s.reason); err != nil {
			return fmt.Errorf("noting a message passed over: %w", err)
		}
	}
	return nil
}
