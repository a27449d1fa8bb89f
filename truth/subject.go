package truth

import (
	"cmp"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxSubjects bounds what is known in memory, 100 MB about when it is full. Who is
// not known is read from the file, which costs as much as all else of a message.
const maxSubjects = 300_000

// key names one thing that something is said about by a schema, or who says it.
type key struct{ schema, name string }

func (k key) compare(to key) int {
	return cmp.Or(strings.Compare(k.schema, to.schema), strings.Compare(k.name, to.name))
}

// subject is what the file, and the batch under way, have under one name: of an
// entity what is said about it, and of a sender what it said. Most hosts speak for
// themselves, and are both.
type subject struct {
	key
	id     int64  // in the file; 0 when it is not there
	fact   bool   // the file has something about it
	sum    sum    // of that
	newest order  // of the messages about it
	next   *value // what is to be written; nil where that is in the file
	told   bool   // in the batch

	counter counter
}

// said tells whether this was read before.
func (s *subject) said(is sum) bool {
	return s.fact && s.sum == is || s.next != nil && s.next.sum == is
}

// written notes that the file has what was new.
func (s *subject) written() {
	if s.next != nil {
		s.fact, s.sum, s.next = true, s.next.sum, nil
	}
	s.told, s.counter.heard, s.counter.moved = false, false, false
}

// subjects are those that were met lately.
type subjects map[key]*subject

// meet finds who speaks in messages, and about whom. Who is not known yet is read from
// the file.
func (w *writer) meet(messages []read) error {
	var strangers []*subject
	find := func(k key) *subject {
		s := w.subjects[k]
		if s == nil {
			k = key{strings.Clone(k.schema), strings.Clone(k.name)}
			s = &subject{key: k}
			w.subjects[k] = s
			strangers = append(strangers, s)
		}
		return s
	}
	for i := range messages {
		r := &messages[i]
		r.speaker = find(key{r.Message.Schema, r.Sender})
		if r.about = r.speaker; r.err == nil && r.entity != r.Sender {
			r.about = find(key{r.Message.Schema, r.entity})
		}
	}
	slices.SortFunc(strangers, func(a, b *subject) int { return a.compare(b.key) })
	if err := w.readSubjects(strangers); err != nil {
		return fmt.Errorf("reading what is known: %w", err)
	}
	return nil
}

func (w *writer) readSubjects(all []*subject) error {
	return w.findSubjects.query(len(all), func(to []any, i int) []any {
		return append(to, i, all[i].schema, all[i].name)
	}, func(row []driver.Value) error {
		s := all[row[0].(int64)]
		s.id = row[1].(int64)
		if row[3] != nil {
			is, _ := row[2].([]byte)
			s.fact, s.newest = true, order{row[3].(int64), row[4].(int64), row[5].(int64)}
			copy(s.sum[:], is)
		}
		if row[6] == nil {
			return nil
		}
		return s.counter.read(row[6:])
	})
}

func (c *counter) read(row []driver.Value) error {
	numbers := [...]*int64{&c.lastSeen, &c.messages, &c.high, &c.highAt, &c.firstSeen, &c.counted, &c.low, &c.beganAt, &c.gaps}
	for i, number := range numbers {
		*number = row[i].(int64)
	}
	missing := row[len(numbers)].(string)
	if missing == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(missing), &c.missing)
}

// number gives numbers to those who have none, in the order of the file's keys.
func (w *writer) number(b *batch) error {
	var fresh []*subject
	for _, all := range [][]*subject{b.told, b.heard} {
		for _, s := range all {
			if s.id == 0 {
				s.id = -1
				fresh = append(fresh, s)
			}
		}
	}
	slices.SortFunc(fresh, func(a, b *subject) int { return a.compare(b.key) })
	if err := w.lastNumber.QueryRow().Scan(&b.numbers); err != nil {
		return err
	}
	for i, s := range fresh {
		s.id = b.numbers + int64(i) + 1
	}
	b.numbered = fresh
	return nil
}

// trim lets some go where too many are known, whichever: all is written.
func (s subjects) trim() {
	if len(s) <= maxSubjects {
		return
	}
	for k := range s {
		if delete(s, k); len(s) <= maxSubjects*3/4 {
			return
		}
	}
}
