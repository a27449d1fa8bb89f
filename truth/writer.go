package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// writer is the one connection that writes.
type writer struct {
	conn     *sqlite.Conn
	registry *schemas.Registry
	kept     []string
	unique   map[string]bool // schemas of which a version has unique properties

	findFacts, putFacts, putNewest             bulk
	putSaid, putOrder                          bulk
	findCounters, putSpeakers, putCounters     bulk
	addUnique                                  bulk
	lastFact, saysSame, changeFact             *sql.Stmt
	lastSpeaker, takeSpeaker, takeCounter      *sql.Stmt
	uniqueValues, removeUnique, skip, moveMeta *sql.Stmt
	disorder, forget                           *sql.Stmt
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
	texts := map[**sql.Stmt]string{
		&w.lastFact:     "SELECT ifnull(max(id), 0) FROM _facts",
		&w.saysSame:     "SELECT version = ?2 AND content = ?3 FROM _facts WHERE id = ?1",
		&w.changeFact:   "UPDATE _facts SET sender = ?2, version = ?3, content = ?4 WHERE id = ?1",
		&w.lastSpeaker:  "SELECT ifnull(max(id), 0) FROM _speakers",
		&w.uniqueValues: "SELECT property, value FROM _unique WHERE schema = ? AND entity = ?",
		&w.removeUnique: "DELETE FROM _unique WHERE schema = ? AND entity = ? AND property = ? AND value = ?",
		&w.skip:         "INSERT INTO _skipped (position, reason) VALUES (?, ?)",
		&w.moveMeta:     "UPDATE _meta SET position = ?, message_id = ?",
		&w.takeSpeaker:  "INSERT OR IGNORE INTO _speakers (sender, schema) VALUES (?, ?)",
		&w.takeCounter:  takeText(),
		&w.disorder:     `DELETE FROM _order WHERE (id, "from", tie, position) = (SELECT id, "from", tie, position FROM _said WHERE position = ?)`,
		&w.forget:       "DELETE FROM _said WHERE position = ?",
	}
	w.makeBulks()
	return w.conn.Prepare(ctx, texts)
}

func (w *writer) makeBulks() {
	make := func(head string, values int, tail string) bulk {
		return makeBulk(w.conn, head, "(?"+strings.Repeat(", ?", values-1)+")", tail)
	}
	w.findFacts = make(`SELECT asked.column1, f.id, n."from", n.tie, n.position, n.sum FROM (VALUES `, 3,
		") AS asked CROSS JOIN _facts f ON f.schema = asked.column2 AND f.entity = asked.column3 CROSS JOIN _newest n ON n.id = f.id")
	w.putFacts = make("INSERT INTO _facts (id, schema, entity, sender, version, content) VALUES ", 6, "")
	w.putNewest = make(`INSERT OR REPLACE INTO _newest (id, "from", tie, position, received_at, sum) VALUES `, 6, "")
	w.putSaid = make(`INSERT INTO _said (position, id, schema, "from", tie, sender, message_id, version, issued_at, seq, received_at, content) VALUES `, 12, "")
	w.putOrder = make(`INSERT INTO _order (id, "from", tie, position) VALUES `, 4, "")
	w.findCounters = make("SELECT asked.column1, id, "+countText+" FROM (VALUES ", 3,
		") AS asked CROSS JOIN _speakers s ON s.sender = asked.column2 AND s.schema = asked.column3 CROSS JOIN _counters USING (id)")
	w.putSpeakers = make("INSERT INTO _speakers (id, sender, schema) VALUES ", 3, "")
	w.putCounters = make("INSERT OR REPLACE INTO _counters (id, "+countText+") VALUES ", 1+len(counts), "")
	w.addUnique = make("INSERT INTO _unique (schema, entity, property, value) VALUES ", 4, "")
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
	all, err := w.writeValues(b)
	if err != nil {
		return err
	}
	if err := w.writeOrder(b); err != nil {
		return err
	}
	if err := w.writeChanged(b, all); err != nil {
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
