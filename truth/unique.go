package truth

// uniqueValue is what no two entities of a schema should share; value is its
// canonical JSON.
type uniqueValue struct{ property, value string }

// writeUnique brings the unique values of an entity up to its new content. Most
// often nothing has changed.
func (w *writer) writeUnique(v *value) error {
	if !w.unique[v.key.schema] {
		return nil
	}
	is, err := uniqueOf(v)
	if err != nil {
		return err
	}
	was, err := w.uniqueThere(v.key)
	if err != nil {
		return err
	}
	for u := range was {
		if !is[u] {
			if err := run(w.removeUnique, v.key.schema, v.entity, u.property, u.value); err != nil {
				return err
			}
		}
	}
	for u := range is {
		if !was[u] {
			if err := run(w.addUnique, v.key.schema, v.entity, u.property, u.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// uniqueOf reads the unique values of a content. null and the empty string are
// none: so a host says what it does not know.
func uniqueOf(v *value) (map[uniqueValue]bool, error) {
	if len(v.schema.Unique) == 0 {
		return nil, nil
	}
	all, err := members(v.content)
	if err != nil {
		return nil, err
	}
	is := map[uniqueValue]bool{}
	for _, property := range v.schema.Unique {
		raw := all[property]
		if raw == nil {
			continue
		}
		text, err := canonical(raw)
		if err != nil {
			return nil, err
		}
		if text != "null" && text != `""` {
			is[uniqueValue{property, text}] = true
		}
	}
	return is, nil
}

func (w *writer) uniqueThere(k key) (map[uniqueValue]bool, error) {
	rows, err := w.uniqueValues.Query(k.schema, k.entity)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	was := map[uniqueValue]bool{}
	for rows.Next() {
		var u uniqueValue
		if err := rows.Scan(&u.property, &u.value); err != nil {
			return nil, err
		}
		was[u] = true
	}
	return was, rows.Err()
}
