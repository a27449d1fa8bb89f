package queue

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Sender is what one host said by one schema, by the whole log.
type Sender struct {
	Digest    string // "" for all that came unsigned
	Schema    string
	FirstSeen time.Time
	LastSeen  time.Time
	Messages  int64
	// Gaps are the messages that the sender numbered (its seq, DESIGN.md section 4)
	// and that are not in the log: lost on a way that promises no more than "at most
	// once", refused, or given up by the sender. Those before the first one stored
	// cannot be known, nor can those of a host that lost its counters and began anew.
	Gaps int64
}

// Senders counts the log by sender and schema, in that order. It reads every row,
// without the frames: about a second for a million messages.
func (r *Reader) Senders(ctx context.Context) ([]Sender, error) {
	q := query{text: `SELECT (SELECT digest FROM senders WHERE id = sender) AS digest, schema, min(received_at),
		max(received_at), count(*), ifnull(max(nullif(seq, 0)) - min(nullif(seq, 0)) + 1 - count(DISTINCT nullif(seq, 0)), 0)
		FROM messages GROUP BY sender, schema ORDER BY digest, schema`}
	senders, err := collect(ctx, r, q, func(rows *sql.Rows) (s Sender, size int, err error) {
		var first, last int64
		err = rows.Scan(&s.Digest, &s.Schema, &first, &last, &s.Messages, &s.Gaps)
		s.FirstSeen, s.LastSeen = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		return s, 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("queue: counting by sender: %w", err)
	}
	return senders, nil
}
