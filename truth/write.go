package truth

import (
	"database/sql"
	"errors"
)

// writeEntity takes in what messages say about one entity: the newest of them and
// of what is there becomes the latest, all others are history.
func (w *writer) writeEntity(k key, said []*value) error {
	newest := said[0]
	for _, v := range said[1:] {
		if v.newer(newest.order) {
			newest = v
		}
	}
	current, known, err := w.currentOrder(k)
	if err != nil {
		return err
	}
	replaces := !known || newest.newer(current)
	for _, v := range said {
		if v == newest && replaces {
			continue
		}
		if err := run(w.putHistory, v.columns()...); err != nil {
			return err
		}
	}
	if !replaces {
		return nil
	}
	if known {
		if err := run(w.supersede, k.schema, k.entity); err != nil {
			return err
		}
	}
	if err := run(w.put, newest.columns()...); err != nil {
		return err
	}
	return w.writeUnique(newest)
}

func (w *writer) currentOrder(k key) (o order, known bool, err error) {
	err = w.current.QueryRow(k.schema, k.entity).Scan(&o.from, &o.tie, &o.position)
	if errors.Is(err, sql.ErrNoRows) {
		return o, false, nil
	}
	return o, err == nil, err
}

// columns are the values of the columns.
func (v *value) columns() []any {
	return []any{v.key.schema, v.entity, v.from, v.tie, v.position, v.sender, v.messageID, v.version,
		v.issuedAt, v.seq, v.receivedAt, string(v.content)}
}

func run(s *sql.Stmt, values ...any) error {
	_, err := s.Exec(values...)
	return err
}
