package truth

import (
	"cmp"
	"context"
	"database/sql"
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
	for _, s := range all {
		known[s.senderKey].add(s.heard)
	}
	return nil
}

func (w *writer) readCounters(keys []senderKey, into counters) error {
	return w.getCounter.query(len(keys), func(values []any, i int) []any {
		return append(values, keys[i].sender, keys[i].schema)
	}, func(rows *sql.Rows) error {
		var k senderKey
		var c counter
		var missing []byte
		err := rows.Scan(&k.sender, &k.schema, &c.firstSeen, &c.lastSeen, &c.messages, &c.low, &c.high, &c.highAt, &c.beganAt, &c.gaps, &missing, &c.counted)
		if err == nil && len(missing) > len("[]") {
			err = json.Unmarshal(missing, &c.missing)
		}
		*into[k] = c
		return err
	})
}

func (w *writer) writeCounters(known counters) error {
	keys := slices.SortedFunc(maps.Keys(known), senderKey.compare)
	if err := w.putCounter.run(len(keys), func(values []any, i int) []any {
		k, c := keys[i], known[keys[i]]
		return append(values, k.sender, k.schema, c.firstSeen, c.lastSeen, c.messages,
			c.low, c.high, c.highAt, c.beganAt, c.gaps, c.missingText(), c.counted)
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
	return "INSERT OR REPLACE INTO _senders (" + counterColumns + ") VALUES (?1, ?2, " + strings.Join(values, ", ") + ")"
}
