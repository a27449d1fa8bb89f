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

// writeCounters counts what was heard.
func (w *writer) writeCounters(all map[senderKey][]heard) error {
	keys := slices.SortedFunc(maps.Keys(all), func(a, b senderKey) int {
		return cmp.Or(cmp.Compare(a.sender, b.sender), cmp.Compare(a.schema, b.schema))
	})
	counters, err := w.readCounters(keys)
	if err != nil {
		return fmt.Errorf("reading what is known of senders: %w", err)
	}
	if err := w.putCounter.run(len(keys), func(values []any, i int) []any {
		c := counters[keys[i]]
		for _, h := range all[keys[i]] {
			c.add(h)
		}
		return append(values, keys[i].sender, keys[i].schema, c.firstSeen, c.lastSeen, c.messages,
			c.low, c.high, c.highAt, c.beganAt, c.gaps, c.missingText(), c.counted)
	}); err != nil {
		return fmt.Errorf("counting messages: %w", err)
	}
	return nil
}

// readCounters gives what is known of each; of those that are new, nothing.
func (w *writer) readCounters(keys []senderKey) (map[senderKey]counter, error) {
	known := make(map[senderKey]counter, len(keys))
	err := w.getCounter.query(len(keys), func(values []any, i int) []any {
		return append(values, keys[i].sender, keys[i].schema)
	}, func(rows *sql.Rows) error {
		var k senderKey
		var c counter
		var missing []byte
		err := rows.Scan(&k.sender, &k.schema, &c.firstSeen, &c.lastSeen, &c.messages, &c.low, &c.high, &c.highAt, &c.beganAt, &c.gaps, &missing, &c.counted)
		if err == nil && len(missing) > len("[]") {
			err = json.Unmarshal(missing, &c.missing)
		}
		known[k] = c
		return err
	})
	return known, err
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
