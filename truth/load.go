package truth

import (
	"context"
	"database/sql"
	"fmt"
)

// A fresh file that nobody else has open is made in another way than batch by batch:
// nothing is written twice for a journal's sake, for a load that fails leaves a file to
// throw away; and the indexes that are made faster of all that is in a table are made
// at the end.

// loader is one load.
type loader struct {
	*writer
	batch   int // Options.Batch, which bounds what is kept in memory
	known   counters
	indexes map[string][]string // by table, to be made anew at the end
}

// load makes a truth that is empty of the whole queue.
func (t *Truth) load(ctx context.Context, progress func(done, total int64)) error {
	counts, err := t.queue.Counts(ctx)
	if err != nil {
		return err
	}
	l, err := t.writer.beginLoad(t.options.Batch)
	if err != nil {
		return err
	}
	t.options.Batch = min(t.options.Batch, page) // it is no transaction: only as much as pays to read ahead
	lastID := ""
	for done := int64(0); ctx.Err() == nil; progress(done, max(done, counts.Messages)) {
		b, err := t.next()
		if err != nil {
			return err
		}
		if b.messages == 0 {
			return l.finish(t.Status().Position, lastID)
		}
		if err := l.add(b); err != nil {
			return err
		}
		t.applied(b)
		done += int64(b.messages)
		lastID = b.lastID
	}
	return ctx.Err()
}

func (w *writer) beginLoad(batch int) (*loader, error) {
	l := &loader{writer: w, batch: batch, known: counters{}, indexes: map[string][]string{}}
	err := w.conn.Run(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN IMMEDIATE`)
	if err != nil {
		return nil, fmt.Errorf("beginning to load: %w", err)
	}
	return l, l.dropIndexes()
}

// dropIndexes leaves tables without those indexes that are made faster of all that
// is in them.
func (l *loader) dropIndexes() error {
	rows, err := l.conn.QueryContext(context.Background(),
		"SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name IN ('_said', '_unique') AND sql IS NOT NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var table, name, text string
		if err := rows.Scan(&table, &name, &text); err != nil {
			return err
		}
		drop = append(drop, "DROP INDEX "+identified(name))
		l.indexes[table] = append(l.indexes[table], text)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	return l.runAll(drop)
}

func (l *loader) runAll(texts []string) error {
	for _, text := range texts {
		if err := l.conn.Run(text); err != nil {
			return err
		}
	}
	return nil
}

// add takes in the next messages of the queue.
func (l *loader) add(b *batch) error {
	if _, err := l.writeValues(b); err != nil {
		return err
	}
	if err := l.count(b.heard, l.known); err != nil {
		return err
	}
	if err := l.writeSkipped(b); err != nil {
		return err
	}
	if len(l.known) < 4*l.batch {
		return nil
	}
	return l.flush()
}

func (l *loader) flush() error {
	err := l.writeCounters(l.known)
	clear(l.known)
	return err
}

// finish makes the truth of all that was added, up to a message of the queue.
func (l *loader) finish(position int64, id string) error {
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.conn.Run(fillOrder); err != nil {
		return fmt.Errorf("ordering what was said: %w", err)
	}
	if err := l.loadUnique(); err != nil {
		return err
	}
	if err := l.runAll(l.indexes["_unique"]); err != nil {
		return err
	}
	if err := run(l.moveMeta, position, id); err != nil {
		return err
	}
	return l.conn.Run("COMMIT; PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL")
}

// loadUnique finds the unique values in what is the latest.
func (l *loader) loadUnique() error {
	for schema, is := range l.unique {
		if !is {
			continue
		}
		if err := l.loadUniqueOf(schema); err != nil {
			return fmt.Errorf("unique values of schema %s: %w", schema, err)
		}
	}
	return nil
}

func (l *loader) loadUniqueOf(schema string) error {
	rows, err := l.conn.QueryContext(context.Background(), "SELECT entity, version, content FROM _facts WHERE schema = ? ORDER BY entity", schema)
	if err != nil {
		return err
	}
	defer rows.Close()
	var found []ownUnique
	for rows.Next() {
		v := value{key: key{schema: schema}}
		if err := rows.Scan(&v.entity, &v.version, (*sql.RawBytes)(&v.content)); err != nil {
			return err
		}
		if v.schema, err = l.registry.Find(schema, v.version); err != nil {
			return err
		}
		unique, err := uniqueOf(&v)
		if err != nil {
			return err
		}
		for _, u := range unique {
			found = append(found, ownUnique{v.key, u})
		}
		if len(found) >= 2*l.batch {
			if err := l.putUnique(found); err != nil {
				return err
			}
			found = found[:0]
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return l.putUnique(found)
}
