package truth

// changing makes the writer's own triggers: _changed has the positions of the values
// that say something else than what was the latest, fresh those of which nothing was
// known.
const changing = `PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE _changed (position INTEGER PRIMARY KEY, fresh INTEGER NOT NULL);
CREATE TEMP TRIGGER _came AFTER INSERT ON main._latest BEGIN INSERT INTO _changed VALUES (new.position, 1); END;
CREATE TEMP TRIGGER _says_else AFTER UPDATE ON main._latest WHEN old.content <> new.content OR old.version <> new.version
BEGIN INSERT INTO _changed VALUES (new.position, 0); END`

// putLatest is for the newest of each entity in a batch. What is there and newer
// stays.
const putLatest = "INSERT INTO _latest (" + columns + ") VALUES "

const overLatest = ` ON CONFLICT (schema, entity) DO UPDATE SET "from" = excluded."from",
	tie = excluded.tie, position = excluded.position, sender = excluded.sender, message_id = excluded.message_id,
	version = excluded.version, issued_at = excluded.issued_at, seq = excluded.seq, received_at = excluded.received_at,
	content = excluded.content
	WHERE (excluded."from", excluded.tie, excluded.position) > ("from", tie, position)`

// writeValues takes in what the messages say: the newest about each entity, of
// them and of what is there, becomes the latest.
func (w *writer) writeValues(b *batch) error {
	if err := writeTo(&w.putHistory, b.values); err != nil {
		return err
	}
	newest := b.newest()
	if err := writeTo(&w.put, newest); err != nil {
		return err
	}
	changed, err := w.takeChanged()
	if err != nil {
		return err
	}
	return w.writeChanged(b, newest, changed)
}

func writeTo(table *bulk, values []*value) error {
	return table.run(len(values), func(bound []any, i int) []any { return values[i].columns(bound) })
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
