package queue

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/webhuis/cfengine-messages/sqlite"
)

const (
	// many is how many messages of a crowd are inserted by one run of a statement: the
	// way into SQLite costs more than what it does there for a row.
	many = 32
	// manyFrame is the longest frame, in bytes, that goes this way: the driver copies
	// what a run takes, and keeps the room.
	manyFrame = 8 << 10
)

const (
	insertHead = `INSERT INTO messages (received_at, pattern, sender, peer, schema, version, message_id, issued_at, seq, encrypted, frame) VALUES `
	insertRow  = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertTail = " ON CONFLICT DO NOTHING"
)

var (
	insertMany = insertHead + strings.Repeat(insertRow+", ", many-1) + insertRow + insertTail
	recallAny  = "SELECT 1 FROM remembered WHERE (message_id, sender) IN (VALUES " + strings.Repeat("(?, ?), ", many-1) + "(?, ?)) LIMIT 1"
)

// goTogether tells whether the next messages of a batch are many that may be new,
// and small.
func goTogether(batch []entry) bool {
	if len(batch) < many {
		return false
	}
	for i := range batch[:many] {
		if batch[i].letter != nil || len(batch[i].message.Frame) > manyFrame {
			return false
		}
	}
	return true
}

// writeTogether stores many messages, where all of them are new. False where one is
// not: then none is stored, and they want to be looked at one by one.
func (w *writer) writeTogether(entries []entry) (stored bool, err error) {
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
			if left, err := w.anyLeft(d, entries); left || err != nil {
				return err
			}
		}
		stored, err = w.insertAll(d, entries)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("inserting %d messages: %w", len(entries), err)
	}
	return stored, nil
}

// anyLeft tells whether the id of one of them is remembered.
func (w *writer) anyLeft(d sqlite.Direct, entries []entry) (left bool, err error) {
	w.values = w.values[:0]
	for i := range entries {
		w.values = append(w.values, entries[i].message.MessageID, w.senderIDs[i])
	}
	err = d.Query(context.Background(), recallAny, w.values, func([]string, []driver.Value) error {
		left = true
		return nil
	})
	return left, err
}

// insertAll inserts all or none. Positions rise by one from row to row, for nobody
// else writes and none is given.
func (w *writer) insertAll(d sqlite.Direct, entries []entry) (bool, error) {
	w.values = w.values[:0]
	for i := range entries {
		m := &entries[i].message
		w.values = append(w.values, m.ReceivedAt.UnixMicro(), m.Pattern, w.senderIDs[i], m.Peer,
			m.Schema, m.Version, m.MessageID, m.IssuedAt, int64(m.Seq), m.Encrypted, m.Frame)
	}
	nothing := func([]string, []driver.Value) error { return nil }
	if err := d.Query(context.Background(), insertMany, w.values, nothing); err != nil {
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
