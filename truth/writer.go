package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// writer is the one connection that writes.
type writer struct {
	conn     *sqlite.Conn
	registry *schemas.Registry
	kept     []string
	unique   map[string]bool // schemas of which a version has unique properties

	put, putHistory, addUnique, putCounter, getCounter bulk
	getChanged, clearChanged                           *sql.Stmt
	uniqueValues, removeUnique, skip, moveMeta         *sql.Stmt
	takeCounter, forget                                *sql.Stmt
}

func openWriter(folder string, f sqlite.File) (*writer, error) {
	ctx := context.Background()
	conn, err := f.Make(ctx, folder)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn}
	// A large checkpoint writes a page that changed often once (facts: 1.6 times the rows a second).
	if err = conn.Run("PRAGMA wal_autocheckpoint = 20000; PRAGMA journal_size_limit = 134217728;" + changing); err == nil {
		err = w.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) error {
	texts := map[**sql.Stmt]string{
		&w.getChanged:   "SELECT position, fresh FROM _changed",
		&w.clearChanged: "DELETE FROM _changed",
		&w.uniqueValues: "SELECT property, value FROM _unique WHERE schema = ? AND entity = ?",
		&w.removeUnique: "DELETE FROM _unique WHERE schema = ? AND entity = ? AND property = ? AND value = ?",
		&w.skip:         "INSERT INTO _skipped (position, reason) VALUES (?, ?)",
		&w.moveMeta:     "UPDATE _meta SET position = ?, message_id = ?",
		&w.takeCounter:  takeText(),
		&w.forget:       "DELETE FROM _history WHERE position = ?",
	}
	const value, counter = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	w.put.texts(texts, putLatest, value, overLatest)
	w.putHistory.texts(texts, "INSERT INTO _history ("+columns+") VALUES ", value, "")
	w.addUnique.texts(texts, "INSERT INTO _unique (schema, entity, property, value) VALUES ", "(?, ?, ?, ?)", "")
	w.getCounter.texts(texts, "SELECT "+counterColumns+" FROM (VALUES ", "(?, ?)",
		") AS asked CROSS JOIN _senders ON sender = asked.column1 AND schema = asked.column2")
	w.putCounter.texts(texts, "INSERT OR REPLACE INTO _senders ("+counterColumns+") VALUES ", counter, "")
	return w.conn.Prepare(ctx, texts)
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
func (w *writer) apply(b *batch) error {
	return w.transaction(func() error {
		if err := w.write(b); err != nil {
			return err
		}
		return run(w.moveMeta, b.last, b.lastID)
	})
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
	if err := w.writeValues(b); err != nil {
		return err
	}
	known := counters{}
	if err := w.count(b.heard, known); err != nil {
		return err
	}
	if err := w.writeCounters(known); err != nil {
		return err
	}
	return w.writeSkipped(b)
}

func (w *writer) writeSkipped(b *batch) error {
	for _, s := range b.skipped {
		if _, err := w.skip.Exec(s.position, s.reason); err != nil {
			return fmt.Errorf("noting a message passed over: %w", err)
		}
	}
	return nil
}
