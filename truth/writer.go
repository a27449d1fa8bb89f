package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// writer is the one connection that writes.
type writer struct {
	conn     *sqlite.Conn
	registry *schemas.Registry
	unique   map[string]bool // schemas of which a version has unique properties

	subjects subjects // as the file has them, and the batch under way

	findSubjects, putSubjects, putFacts        bulk
	putMessages, putHeard, putCountings        bulk
	addUnique                                  bulk
	lastNumber, saysSame, putFact              *sql.Stmt
	takeSubject, takeHeard, takeCounting       *sql.Stmt
	uniqueValues, removeUnique, skip, moveMeta *sql.Stmt
	forget                                     *sql.Stmt
}

func openWriter(folder string, f sqlite.File) (*writer, error) {
	ctx := context.Background()
	conn, err := f.Make(ctx, folder)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, subjects: subjects{}}
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
		// Each number has a row in one of them.
		&w.lastNumber:   "SELECT max((SELECT ifnull(max(id), 0) FROM _facts), (SELECT ifnull(max(id), 0) FROM _heard))",
		&w.saysSame:     "SELECT version = ?2 AND content = ?3 FROM _facts WHERE id = ?1",
		&w.putFact:      "UPDATE _facts SET sender = ?2, version = ?3, content = ?4 WHERE id = ?1",
		&w.uniqueValues: "SELECT property, value FROM _unique WHERE schema = ? AND entity = ?",
		&w.removeUnique: "DELETE FROM _unique WHERE schema = ? AND entity = ? AND property = ? AND value = ?",
		&w.skip:         "INSERT INTO _skipped (position, reason) VALUES (?, ?)",
		&w.moveMeta:     "UPDATE _meta SET position = ?, message_id = ?",
		&w.takeSubject:  "INSERT OR IGNORE INTO _subjects (schema, name, id) SELECT ?, ?, ifnull(max(id), 0) + 1 FROM _heard",
		&w.takeHeard:    takeText("_heard", moving),
		&w.takeCounting: takeText("_countings", resting),
		&w.forget:       `DELETE FROM _messages WHERE (id, "from", tie, position) = (?, ?, ?, ?)`,
	}
	w.makeBulks()
	return w.conn.Prepare(ctx, texts)
}

func (w *writer) makeBulks() {
	make := func(head string, values int, tail string) bulk {
		return makeBulk(w.conn, head, "(?"+strings.Repeat(", ?", values-1)+")", tail)
	}
	w.findSubjects = make(`SELECT asked.column1, s.id, s.sum, n."from", n.tie, n.position, `+strings.Join(slices.Concat(moving, resting), ", ")+" FROM (VALUES ", 3,
		") AS asked CROSS JOIN _subjects s ON s.schema = asked.column2 AND s.name = asked.column3 LEFT JOIN _messages n ON "+isNewest("s", "")+
			" LEFT JOIN _heard h ON h.id = s.id LEFT JOIN _countings c ON c.id = s.id")
	w.putSubjects = make("INSERT OR REPLACE INTO _subjects (schema, name, id, sum) VALUES ", 4, "")
	w.putFacts = make("INSERT INTO _facts (id, schema, entity, sender, version, content) VALUES ", 6, "")
	w.putMessages = make(`INSERT INTO _messages (id, "from", tie, position, received_at) VALUES `, 5, "")
	w.putHeard = make("INSERT OR REPLACE INTO _heard (id, "+strings.Join(moving, ", ")+") VALUES ", 1+len(moving), "")
	w.putCountings = make("INSERT OR REPLACE INTO _countings (id, "+strings.Join(resting, ", ")+") VALUES ", 1+len(resting), "")
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
	if err := w.transaction(func() error { return w.write(b) }); err != nil {
		return err
	}
	for _, all := range [][]*subject{b.told, b.heard} {
		for _, s := range all {
			s.written()
		}
	}
	w.subjects.trim()
	return nil
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
