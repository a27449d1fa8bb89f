package truth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/queue"
)

// writeCounters writes what was counted of those who spoke, in the order of the file.
func (w *writer) writeCounters(all []*subject) error {
	slices.SortFunc(all, func(a, b *subject) int { return cmp.Compare(a.id, b.id) })
	if err := w.putHeard.run(len(all), func(to []any, i int) []any {
		c := &all[i].counter
		return append(to, all[i].id, c.lastSeen, c.messages, c.high, c.highAt)
	}); err != nil {
		return fmt.Errorf("counting messages: %w", err)
	}
	var moved []*subject
	for _, s := range all {
		if s.counter.moved {
			moved = append(moved, s)
		}
	}
	if err := w.putCountings.run(len(moved), func(to []any, i int) []any {
		c := &moved[i].counter
		return append(to, moved[i].id, c.firstSeen, c.counted, c.low, c.beganAt, c.gaps, c.missingText())
	}); err != nil {
		return fmt.Errorf("counting gaps: %w", err)
	}
	return nil
}

// recount takes over what had been counted of messages by the time that some of
// them left the queue. A new truth begins with it.
func (w *writer) recount(q *queue.Reader) error {
	return w.transaction(func() error {
		return q.Counted(context.Background(), func(c queue.Counted) error {
			return errors.Join(run(w.takeSubject, c.Schema, c.Sender), run(w.takeHeard, c.Schema, c.Sender, c.State), run(w.takeCounting, c.Schema, c.Sender, c.State))
		})
	})
}

// stateText selects a counter as recount takes it over: as JSON by the names of
// the columns.
func stateText() string {
	var members []string
	for _, name := range slices.Concat(moving, resting) {
		members = append(members, literal(name)+", "+name)
	}
	return "SELECT json_object(" + strings.Join(members, ", ") + ") FROM _senders WHERE sender = ? AND schema = ?"
}

// takeText writes columns of what was counted to a table.
func takeText(table string, columns []string) string {
	var values []string
	for _, name := range columns {
		values = append(values, "?3->>"+literal(name))
	}
	return "INSERT OR REPLACE INTO " + table + " (id, " + strings.Join(columns, ", ") + ") SELECT id, " + strings.Join(values, ", ") +
		" FROM _subjects WHERE schema = ?1 AND name = ?2"
}
