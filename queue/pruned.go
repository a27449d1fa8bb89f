package queue

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Pruned is what left the log of one schema's messages.
type Pruned struct {
	Schema   string
	Messages int64
	Position int64 // of the last one
	// WholeFrom is from when on the truth of the schema can still be told: what was
	// not true any more then may have left.
	WholeFrom time.Time
}

// Pruned tells what left, by schema; those of which nothing did are not there.
func (r *Reader) Pruned(ctx context.Context) ([]Pruned, error) {
	all, err := collect(ctx, r, query{text: "SELECT schema, messages, position, whole_from FROM pruned ORDER BY schema"},
		func(rows *sql.Rows) (p Pruned, _ int, err error) {
			var wholeFrom int64
			err = rows.Scan(&p.Schema, &p.Messages, &p.Position, &wholeFrom)
			p.WholeFrom = time.UnixMicro(wholeFrom).UTC()
			return p, 0, err
		})
	if err != nil {
		return nil, fmt.Errorf("queue: reading what left: %w", err)
	}
	return all, nil
}

// Remembered returns the messages of an id (ids are unique for a sender only) that
// left and are remembered, without their frames and whatever else left with them.
func (r *Reader) Remembered(ctx context.Context, messageID string) ([]Message, error) {
	q := query{text: `SELECT position, received_at, (SELECT digest FROM senders WHERE id = sender), schema, message_id FROM remembered`}
	q.where("message_id = ?", messageID)
	q.page("position", false, maxPage)
	all, err := collect(ctx, r, q, func(rows *sql.Rows) (m Message, _ int, err error) {
		var receivedAt int64
		err = rows.Scan(&m.Position, &receivedAt, &m.Sender, &m.Schema, &m.MessageID)
		m.ReceivedAt = time.UnixMicro(receivedAt).UTC()
		return m, 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("queue: reading ids: %w", err)
	}
	return all, nil
}

// Counted calls use for all that was noted when messages left (Pruning.Counted),
// until use returns an error.
func (r *Reader) Counted(ctx context.Context, use func(Counted) error) error {
	rows, err := r.conn.QueryContext(ctx, "SELECT (SELECT digest FROM senders WHERE id = sender), schema, state FROM counted")
	if err != nil {
		return fmt.Errorf("queue: reading what was counted: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Counted
		if err := rows.Scan(&c.Sender, &c.Schema, &c.State); err != nil {
			return fmt.Errorf("queue: reading what was counted: %w", err)
		}
		if err := use(c); err != nil {
			return err
		}
	}
	return rows.Err()
}
