package truth

import (
	"cmp"
	"crypto/sha256"
	"database/sql/driver"
	"slices"
)

// sum is the same for those values only that say the same and are of one sender.
// Half of SHA-256 is more than anybody finds two of.
type sum [16]byte

func (v *value) summed() sum {
	text := make([]byte, 0, len(v.sender)+len(v.version)+2+len(v.content))
	text = append(append(text, v.sender...), 0)
	text = append(append(text, v.version...), 0)
	all := sha256.Sum256(append(text, v.content...))
	return sum(all[:])
}

// known is what the file has of an entity.
type known struct {
	id   int64 // 0 for nothing
	is   order // of its newest message
	same bool  // that has the same sum
}

// changed is a value that says something else than what was the latest, fresh where
// nothing was known.
type changed struct {
	*value
	fresh bool
}

// writeValues takes in what the messages say: the newest about each entity, of
// them and of what is there, becomes the latest. It gives those that change something.
func (w *writer) writeValues(b *batch) ([]changed, error) {
	newest := b.newest()
	if err := w.find(newest); err != nil {
		return nil, err
	}
	newest = slices.DeleteFunc(newest, func(v *value) bool { return v.known.id != 0 && v.compare(v.known.is) < 0 })
	fresh, err := w.addFacts(newest)
	if err != nil {
		return nil, err
	}
	all, err := w.changeFacts(newest, fresh)
	if err != nil {
		return nil, err
	}
	if err := w.moveNewest(newest); err != nil {
		return nil, err
	}
	return all, w.putSaid.run(len(b.values), func(to []any, i int) []any { return b.values[i].columns(to) })
}

// find reads what is known of the entities of these values.
func (w *writer) find(newest []*value) error {
	return w.findFacts.query(len(newest), func(to []any, i int) []any {
		return append(to, i, newest[i].key.schema, newest[i].entity)
	}, func(row []driver.Value) error {
		v := newest[row[0].(int64)]
		is, _ := row[5].([]byte)
		v.known = known{row[1].(int64), order{row[2].(int64), row[3].(int64), row[4].(int64)}, string(is) == string(v.sum[:])}
		return nil
	})
}

// addFacts adds the entities of which nothing is known, and gives them.
func (w *writer) addFacts(newest []*value) (fresh []*value, err error) {
	var id int64
	for _, v := range newest {
		if v.known.id != 0 {
			continue
		}
		if len(fresh) == 0 {
			if err := w.lastFact.QueryRow().Scan(&id); err != nil {
				return nil, err
			}
		}
		id++
		v.known.id = id
		fresh = append(fresh, v)
	}
	return fresh, w.putFacts.run(len(fresh), func(to []any, i int) []any {
		v := fresh[i]
		return append(to, v.known.id, v.key.schema, v.entity, v.sender, v.version, string(v.content))
	})
}

// changeFacts writes what else is said now of entities that were known, and gives
// all that is changed. What is only said again stays where it is, and so do the
// indexes of its content.
func (w *writer) changeFacts(newest, fresh []*value) (all []changed, err error) {
	for _, v := range newest {
		if len(fresh) > 0 && fresh[0] == v {
			fresh = fresh[1:]
			all = append(all, changed{v, true})
			continue
		}
		if v.known.same {
			continue
		}
		var same bool
		if err := w.saysSame.QueryRow(v.known.id, v.version, string(v.content)).Scan(&same); err != nil {
			return nil, err
		}
		if !same {
			all = append(all, changed{v, false})
		}
		if err := run(w.changeFact, v.known.id, v.sender, v.version, string(v.content)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// writeOrder adds the values to the order of what was said, in the order of the file.
func (w *writer) writeOrder(b *batch) error {
	all := slices.Clone(b.values)
	slices.SortFunc(all, func(a, b *value) int {
		return cmp.Or(cmp.Compare(a.newest.known.id, b.newest.known.id), a.compare(b.order))
	})
	return w.putOrder.run(len(all), func(to []any, i int) []any {
		v := all[i]
		return append(to, v.newest.known.id, v.from, v.tie, v.position)
	})
}

// moveNewest notes which messages are the newest now, in the order of the file.
func (w *writer) moveNewest(newest []*value) error {
	slices.SortFunc(newest, func(a, b *value) int { return cmp.Compare(a.known.id, b.known.id) })
	return w.putNewest.run(len(newest), func(to []any, i int) []any {
		v := newest[i]
		return append(to, v.known.id, v.from, v.tie, v.position, v.receivedAt, v.sum[:])
	})
}

// columns appends the values of _said's columns.
func (v *value) columns(to []any) []any {
	var sender any
	if v.sender != v.entity {
		sender = v.sender
	}
	return append(to, v.position, v.newest.known.id, v.key.schema, v.from, v.tie, sender, v.messageID, v.version,
		v.issuedAt, v.seq, v.receivedAt, string(v.content))
}
