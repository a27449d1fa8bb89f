package truth

import (
	"cmp"
	"slices"
)

// uniqueValue is what no two entities of a schema should share; value is its
// canonical JSON.
type uniqueValue struct{ property, value string }

// ownUnique is a unique value with whose it is.
type ownUnique struct {
	key
	uniqueValue
}

// writeChanged notes the changes, and brings the unique values of their entities up
// to their new contents.
func (w *writer) writeChanged(b *batch, all []changed) error {
	var added []ownUnique
	for _, v := range all {
		b.changes = append(b.changes, Change{v.schema, v.name, v.next.schema.Entity.Sender})
		if !w.unique[v.schema] {
			continue
		}
		more, err := w.changeUnique(v)
		if err != nil {
			return err
		}
		added = append(added, more...)
	}
	return w.putUnique(added)
}

// putUnique adds unique values that are not there, in the order of the file's keys.
func (w *writer) putUnique(added []ownUnique) error {
	slices.SortFunc(added, func(a, b ownUnique) int {
		return cmp.Or(cmp.Compare(a.schema, b.schema), cmp.Compare(a.property, b.property), cmp.Compare(a.value, b.value), cmp.Compare(a.name, b.name))
	})
	return w.addUnique.run(len(added), func(values []any, i int) []any {
		u := added[i]
		return append(values, u.schema, u.name, u.property, u.value)
	})
}

// changeUnique removes the unique values that an entity has no more, and gives
// those that it has now. Of a fresh one none are there.
func (w *writer) changeUnique(v changed) (added []ownUnique, err error) {
	is, err := uniqueOf(v.next)
	if err != nil {
		return nil, err
	}
	var was []uniqueValue
	if !v.fresh {
		if was, err = w.uniqueThere(v.key); err != nil {
			return nil, err
		}
	}
	for _, u := range was {
		if !slices.Contains(is, u) {
			if err := run(w.removeUnique, v.schema, v.name, u.property, u.value); err != nil {
				return nil, err
			}
		}
	}
	for _, u := range is {
		if !slices.Contains(was, u) {
			added = append(added, ownUnique{v.key, u})
		}
	}
	return added, nil
}

// uniqueOf reads the unique values of a content. null and the empty string are
// none: so a host says what it does not know.
func uniqueOf(v *value) (is []uniqueValue, err error) {
	if len(v.schema.Unique) == 0 {
		return nil, nil
	}
	all, err := members(v.content, v.schema.Unique)
	if err != nil {
		return nil, err
	}
	for i, property := range v.schema.Unique {
		if all[i] == nil {
			continue
		}
		text, err := canonical(all[i])
		if err != nil {
			return nil, err
		}
		if text != "null" && text != `""` {
			is = append(is, uniqueValue{property, text})
		}
	}
	return is, nil
}

func (w *writer) uniqueThere(k key) (was []uniqueValue, err error) {
	rows, err := w.uniqueValues.Query(k.schema, k.name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var u uniqueValue
		if err := rows.Scan(&u.property, &u.value); err != nil {
			return nil, err
		}
		was = append(was, u)
	}
	return was, rows.Err()
}
