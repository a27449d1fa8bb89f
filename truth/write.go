package truth

import (
	"cmp"
	"slices"
)

// write writes a batch within the open transaction.
func (w *writer) write(b *batch) error {
	if err := w.number(b); err != nil {
		return err
	}
	if err := w.writeFacts(b); err != nil {
		return err
	}
	if err := w.writeMessages(b.said); err != nil {
		return err
	}
	if err := w.writeCounters(b.heard); err != nil {
		return err
	}
	for _, s := range b.skipped {
		if err := run(w.skip, s.position, s.reason); err != nil {
			return err
		}
	}
	return run(w.moveMeta, b.last, b.lastID)
}

// writeFacts writes what else is said now than the file has, in the order of its keys.
func (w *writer) writeFacts(b *batch) error {
	var news []*subject
	for _, s := range b.told {
		if s.next != nil {
			news = append(news, s)
		}
	}
	slices.SortFunc(news, func(a, b *subject) int { return a.compare(b.key) })
	var all []changed
	for _, s := range news {
		c := changed{s, !s.fact}
		if !c.fresh {
			same, err := w.changeFact(s)
			if err != nil {
				return err
			}
			if same {
				continue
			}
		}
		all = append(all, c)
	}
	if err := w.addFacts(all); err != nil {
		return err
	}
	if err := w.writeSubjects(b, news); err != nil {
		return err
	}
	return w.writeChanged(b, all)
}

// changed is a subject about which something else is said than was, fresh where
// nothing was known.
type changed struct {
	*subject
	fresh bool
}

// addFacts adds those of which nothing was known.
func (w *writer) addFacts(all []changed) error {
	var fresh []*subject
	for _, s := range all {
		if s.fresh {
			fresh = append(fresh, s.subject)
		}
	}
	return w.putFacts.run(len(fresh), func(to []any, i int) []any {
		s := fresh[i]
		return append(to, s.id, s.schema, s.name, s.next.sender, s.next.version, string(s.next.content))
	})
}

// writeSubjects writes who has a number now, and the sums of what is said now, in the
// order of the file.
func (w *writer) writeSubjects(b *batch, news []*subject) error {
	all := b.numbered
	for _, s := range news {
		if s.id <= b.numbers {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *subject) int { return a.compare(b.key) })
	return w.putSubjects.run(len(all), func(to []any, i int) []any {
		s := all[i]
		var is any
		if s.next != nil {
			is = s.next.sum[:]
		}
		return append(to, s.schema, s.name, s.id, is)
	})
}

// changeFact writes what is said now, and tells whether only somebody else says the same.
func (w *writer) changeFact(s *subject) (same bool, err error) {
	content := string(s.next.content)
	if err := w.saysSame.QueryRow(s.id, s.next.version, content).Scan(&same); err != nil {
		return false, err
	}
	return same, run(w.putFact, s.id, s.next.sender, s.next.version, content)
}

// writeMessages adds messages to those of their entities, in the order of the file.
func (w *writer) writeMessages(all []said) error {
	for i := range all {
		all[i].id = all[i].about.id
	}
	slices.SortFunc(all, func(a, b said) int { return cmp.Or(cmp.Compare(a.id, b.id), a.compare(b.order)) })
	return w.putMessages.run(len(all), func(to []any, i int) []any {
		s := &all[i]
		return append(to, s.id, s.from, s.tie, s.position, s.receivedAt)
	})
}
