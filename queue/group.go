package queue

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// groups are how many messages are inserted by one run of a statement, the largest
// first: the way into SQLite costs more than what it does there for a row.
var groups = []group{groupOf(32), groupOf(8), groupOf(1)}

// groupFrame is the longest frame, in bytes, that goes this way: the driver copies
// what a run takes, and keeps the room.
const groupFrame = 8 << 10

const (
	insertHead = `INSERT INTO messages (received_at, pattern, sender, peer, schema, version, message_id, issued_at, seq, encrypted, frame) VALUES `
	insertRow  = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertTail = " ON CONFLICT DO NOTHING"
)

// group is a number of messages, with the statements for so many.
type group struct {
	size           int
	insert, recall string
}

func groupOf(n int) group {
	return group{
		size:   n,
		insert: insertHead + strings.Repeat(insertRow+", ", n-1) + insertRow + insertTail,
		recall: "SELECT 1 FROM remembered WHERE (message_id, sender) IN (VALUES " + strings.Repeat("(?, ?), ", n-1) + "(?, ?)) LIMIT 1",
	}
}

// nextGroup gives the largest for the first entries of a batch, messages that are not
// large; false where the first one is none.
func nextGroup(batch []entry) (group, bool) {
	small := 0
	for small < min(len(batch), groups[0].size) && batch[small].letter == nil && len(batch[small].message.Frame) <= groupFrame {
		small++
	}
	for _, g := range groups {
		if g.size <= small {
			return g, true
		}
	}
	return group{}, false
}

// writeTogether stores a group of messages, where all of them are new. False where one
// is not: then none is stored, and they want to be looked at one by one.
func (w *writer) writeTogether(g group, entries []entry) (stored bool, err error) {
	w.senderIDs = w.senderIDs[:0]
	for i := range entries {
		id, err := w.senderNumber(entries[i].message.Sender)
		if err != nil {
			return false, err
		}
		w.senderIDs = append(w.senderIDs, id)
	}
	err = w.conn.Direct(func(d sqlite.Direct) error {
		defer func() { clear(w.values[:cap(w.values)]) }() // let the frames go
		if w.pruned {
			if left, err := w.anyLeft(d, g, entries); left || err != nil {
				return err
			}
		}
		stored, err = w.insertAll(d, g, entries)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("inserting %d messages: %w", len(entries), err)
	}
	return stored, nil
}

// anyLeft tells whether the id of one of them is remembered.
func (w *writer) anyLeft(d sqlite.Direct, g group, entries []entry) (left bool, err error) {
	w.values = w.values[:0]
	for i := range entries {
		w.values = append(w.values, entries[i].message.MessageID, w.senderIDs[i])
	}
	err = d.Query(context.Background(), g.recall, w.values, func([]string, []driver.Value) error {
		left = true
		return nil
	})
	return left, err
}

// insertAll inserts all or none. Positions rise by one from row to row, for nobody
// else writes and none is given.
func (w *writer) insertAll(d sqlite.Direct, g group, entries []entry) (bool, error) {
	w.values = w.values[:0]
	for i := range entries {
		m := &entries[i].message
		w.values = append(w.values, m.ReceivedAt.UnixMicro(), m.Pattern, w.senderIDs[i], m.Peer,
			m.Schema, m.Version, m.MessageID, m.IssuedAt, int64(m.Seq), m.Encrypted, m.Frame)
	}
	nothing := func([]string, []driver.Value) error { return nil }
	if err := d.Query(context.Background(), g.insert, w.values, nothing); err != nil {
		return false, err
	}
	var inserted, last int64
	err := d.Query(context.Background(), "SELECT changes(), last_insert_rowid()", nil, func(_ []string, row []driver.Value) error {
		inserted, last = row[0].(int64), row[1].(int64)
		return nil
	})
	switch {
	case err != nil:
		return false, err
	case inserted == 0:
		return false, nil
	case inserted < int64(len(entries)):
		return false, d.Query(context.Background(), "DELETE FROM messages WHERE position > ?", []any{last - inserted}, nothing)
	}
	for i := range entries {
		entries[i].stored = Stored{Position: last - inserted + 1 + int64(i)}
	}
	return true, nil
}
