package truth

import (
	"bytes"
	"database/sql"
	"errors"
)

// writeEntity takes in what messages say about one entity: the newest of them and
// of what is there becomes the latest, all others are history. It tells whether the
// latest says something else than before.
func (w *writer) writeEntity(k key, said []*value) (changed bool, err error) {
	newest := said[0]
	for _, v := range said[1:] {
		if v.newer(newest.order) {
			newest = v
		}
	}
	was, err := w.current(k)
	if err != nil {
		return false, err
	}
	replaces := was == nil || newest.newer(was.order)
	for _, v := range said {
		if v == newest && replaces {
			continue
		}
		if err := run(w.putHistory, v.columns()...); err != nil {
			return false, err
		}
	}
	if !replaces {
		return false, nil
	}
	return w.replace(was, newest)
}

// replace makes a value the latest in the place of another, nil when there is none,
// and tells whether it says something else.
func (w *writer) replace(was, is *value) (changed bool, err error) {
	if was != nil {
		if err := run(w.supersede, is.key.schema, is.entity); err != nil {
			return false, err
		}
	}
	if err := run(w.put, is.columns()...); err != nil {
		return false, err
	}
	if was != nil && was.version == is.version && bytes.Equal(was.content, is.content) {
		return false, nil // as most often: it was said again
	}
	return true, w.writeUnique(is)
}

// current is the latest value with its order, version and content.
func (w *writer) current(k key) (*value, error) {
	v := value{key: k}
	err := w.getLatest.QueryRow(k.schema, k.entity).Scan(&v.from, &v.tie, &v.position, &v.version, &v.content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &v, err
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
