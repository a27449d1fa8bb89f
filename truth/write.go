package truth

import (
	"cmp"
	"database/sql"
	"slices"
)

// superseding makes the writer's own triggers. What is put over a latest value makes
// that history, in the same statement; and _changed has the positions of the values
// that say something else than before, fresh those of which nothing was known.
const superseding = `PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE _changed (position INTEGER PRIMARY KEY, fresh INTEGER NOT NULL);
CREATE TEMP TRIGGER _came AFTER INSERT ON main._latest BEGIN INSERT INTO _changed VALUES (new.position, 1); END;
CREATE TEMP TRIGGER _says_else AFTER UPDATE ON main._latest WHEN old.content <> new.content OR old.version <> new.version
BEGIN INSERT INTO _changed VALUES (new.position, 0); END;
CREATE TEMP TRIGGER _superseded AFTER UPDATE ON main._latest BEGIN
	INSERT INTO _history VALUES (old.schema, old.entity, old."from", old.tie, old.position, old.sender, old.message_id,
		old.version, old.issued_at, old.seq, old.received_at, old.content);
END`

// putLatest is for the newest of each entity in a batch. What is there and newer
// stays.
const putLatest = "INSERT INTO _latest (" + columns + ") VALUES "

const overLatest = ` ON CONFLICT (schema, entity) DO UPDATE SET "from" = excluded."from",
	tie = excluded.tie, position = excluded.position, sender = excluded.sender, message_id = excluded.message_id,
	version = excluded.version, issued_at = excluded.issued_at, seq = excluded.seq, received_at = excluded.received_at,
	content = excluded.content
	WHERE (excluded."from", excluded.tie, excluded.position) > ("from", tie, position)`

// writeValues takes in what the messages say: the newest about each entity, of
// them and of what is there, becomes the latest, all others are history.
func (w *writer) writeValues(b *batch) error {
	newest, others := b.newest()
	late, err := w.writeLatest(newest)
	if err != nil {
		return err
	}
	others = append(others, late...)
	slices.SortFunc(others, func(a, b *value) int { return cmp.Compare(a.position, b.position) })
	if err := w.putHistory.run(len(others), func(values []any, i int) []any { return others[i].columns(values) }); err != nil {
		return err
	}
	changed, err := w.takeChanged()
	if err != nil {
		return err
	}
	return w.writeChanged(b, newest, changed)
}

// writeLatest gives those that are not newer than what is there.
func (w *writer) writeLatest(newest []*value) (late []*value, err error) {
	put := func(s *sql.Stmt, values []any, from, to int) error {
		result, err := s.Exec(values...)
		if err != nil {
			return err
		}
		if written, err := result.RowsAffected(); err != nil || written == int64(to-from) {
			return err
		}
		for _, v := range newest[from:to] {
			var position int64
			if err := w.getPosition.QueryRow(v.key.schema, v.entity).Scan(&position); err != nil {
				return err
			}
			if position != v.position {
				late = append(late, v)
			}
		}
		return nil
	}
	err = w.put.each(len(newest), func(values []any, i int) []any { return newest[i].columns(values) }, put)
	return late, err
}

// takeChanged gives what triggers noted, by position: whether it is fresh.
func (w *writer) takeChanged() (map[int64]bool, error) {
	rows, err := w.getChanged.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	changed := map[int64]bool{}
	for rows.Next() {
		var position int64
		var fresh bool
		if err := rows.Scan(&position, &fresh); err != nil {
			return nil, err
		}
		changed[position] = fresh
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return changed, run(w.clearChanged)
}

// columns appends the values of the columns.
func (v *value) columns(to []any) []any {
	return append(to, v.key.schema, v.entity, v.from, v.tie, v.position, v.sender, v.messageID, v.version,
		v.issuedAt, v.seq, v.receivedAt, string(v.content))
}
