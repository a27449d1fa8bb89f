package truth

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/queue"
)

// senderKey names what one sender says by one schema; sender is "" for all that
// came unsigned.
type senderKey struct{ sender, schema string }

func (k senderKey) compare(to senderKey) int {
	return cmp.Or(cmp.Compare(k.sender, to.sender), cmp.Compare(k.schema, to.schema))
}

// said is what a sender's counter takes from a message.
type said struct {
	senderKey
	heard
}

// counters are what is known of senders, as far as it was read.
type counters map[senderKey]*counter

// count adds what was heard, in this order. What is not in known is read first.
func (w *writer) count(all []said, known counters) error {
	var unknown []senderKey
	for _, s := range all {
		if known[s.senderKey] == nil {
			known[s.senderKey] = &counter{}
			unknown = append(unknown, s.senderKey)
		}
	}
	slices.SortFunc(unknown, senderKey.compare)
	if err := w.readCounters(unknown, known); err != nil {
		return fmt.Errorf("reading what is known of senders: %w", err)
	}
	if err := w.addSpeakers(unknown, known); err != nil {
		return fmt.Errorf("adding senders: %w", err)
	}
	for _, s := range all {
		known[s.senderKey].add(s.heard)
	}
	return nil
}

func (w *writer) readCounters(keys []senderKey, into counters) error {
	return w.findCounters.query(len(keys), func(to []any, i int) []any {
		return append(to, i, keys[i].sender, keys[i].schema)
	}, func(row []driver.Value) (err error) {
		c := into[keys[row[0].(int64)]]
		for i, number := range c.numbers() {
			*number = row[i+1].(int64)
		}
		if missing := row[len(row)-1].(string); missing != "[]" {
			err = json.Unmarshal([]byte(missing), &c.missing)
		}
		return err
	})
}

// addSpeakers gives numbers to those of whom nothing is known.
func (w *writer) addSpeakers(keys []senderKey, known counters) error {
	fresh := slices.DeleteFunc(keys, func(k senderKey) bool { return known[k].id != 0 })
	if len(fresh) == 0 {
		return nil
	}
	var last int64
	if err := w.lastSpeaker.QueryRow().Scan(&last); err != nil {
		return err
	}
	return w.putSpeakers.run(len(fresh), func(to []any, i int) []any {
		c := known[fresh[i]]
		c.id = last + int64(i) + 1
		return append(to, c.id, fresh[i].sender, fresh[i].schema)
	})
}

// writeCounters writes them in the order of the file.
func (w *writer) writeCounters(known counters) error {
	all := slices.SortedFunc(maps.Values(known), func(a, b *counter) int { return cmp.Compare(a.id, b.id) })
	if err := w.putCounters.run(len(all), func(to []any, i int) []any {
		for _, number := range all[i].numbers() {
			to = append(to, *number)
		}
		return append(to, all[i].missingText())
	}); err != nil {
		return fmt.Errorf("counting messages: %w", err)
	}
	return nil
}

// recount takes over what had been counted of messages by the time that some of
// them left the queue. A new truth begins with it.
func (w *writer) recount(q *queue.Reader) error {
	return w.transaction(func() error {
		return q.Counted(context.Background(), func(c queue.Counted) error {
			if err := run(w.takeSpeaker, c.Sender, c.Schema); err != nil {
				return err
			}
			return run(w.takeCounter, c.Sender, c.Schema, c.State)
		})
	})
}

// stateText selects a counter as recount takes it over: as JSON by the names of
// the columns.
func stateText() string {
	var members []string
	for _, name := range counts {
		members = append(members, literal(name)+", "+name)
	}
	return "SELECT json_object(" + strings.Join(members, ", ") + ") FROM _senders WHERE sender = ? AND schema = ?"
}

func takeText() string {
	var values []string
	for _, name := range counts {
		values = append(values, "?3->>"+literal(name))
	}
	return "INSERT OR REPLACE INTO _counters (id, " + countText + ") SELECT id, " + strings.Join(values, ", ") + " FROM _speakers WHERE sender = ?1 AND schema = ?2"
}
