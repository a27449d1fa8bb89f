package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	defaultPage = 1000
	maxPage     = 10_000
	maxBytes    = 64 << 20 // of frames in a page, about, which may end early for it
)

// Filter chooses messages; the zero value chooses all, from the oldest on.
type Filter struct {
	After     int64 // only beyond this position
	Schema    string
	Sender    string
	MessageID string
	Newest    bool // the newest Limit of them; still in rising order
	Limit     int  // at most so many; 1000 when 0, never over 10000
}

// Messages returns a page of messages in rising order of position. A page may hold
// fewer than Limit, because their frames are large: the end is an empty page.
func (r *Reader) Messages(ctx context.Context, f Filter) ([]Message, error) {
	q := query{text: `SELECT position, received_at, pattern, (SELECT digest FROM senders WHERE id = sender),
		peer, schema, version, message_id, issued_at, seq, encrypted, frame FROM messages`}
	q.where("position > ?", f.After)
	q.whereSet("schema = ?", f.Schema)
	q.whereSet("sender = (SELECT id FROM senders WHERE digest = ?)", f.Sender)
	q.whereSet("message_id = ?", f.MessageID)
	q.page("position", f.Newest, f.Limit)
	messages, err := r.messages(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("queue: reading messages: %w", err)
	}
	return messages, nil
}

// Last returns the newest n messages in rising order, or fewer as Messages does.
func (r *Reader) Last(ctx context.Context, n int) ([]Message, error) {
	return r.Messages(ctx, Filter{Newest: true, Limit: n})
}

// DeadFilter chooses dead letters; the zero value chooses all, from the oldest on.
type DeadFilter struct {
	After  int64 // only beyond this id
	Code   string
	Sender string
	Newest bool // the newest Limit of them; still in rising order
	Limit  int  // at most so many; 1000 when 0, never over 10000
}

// DeadLetters returns a page of dead letters in rising order of id, without frames.
func (r *Reader) DeadLetters(ctx context.Context, f DeadFilter) ([]DeadLetter, error) {
	q := query{text: "SELECT id, received_at, pattern, peer, sender, code, reason, size, NULL FROM dead_letters"}
	q.where("id > ?", f.After)
	q.whereSet("code = ?", f.Code)
	q.whereSet("sender = ?", f.Sender)
	q.page("id", f.Newest, f.Limit)
	letters, err := collect(ctx, r, q, func(rows *sql.Rows) (DeadLetter, int, error) {
		d, err := scanLetter(rows)
		return d, len(d.Reason), err
	})
	if err != nil {
		return nil, fmt.Errorf("queue: reading dead letters: %w", err)
	}
	return letters, nil
}

// DeadLetter returns one dead letter with its frame, or ErrNotFound.
func (r *Reader) DeadLetter(ctx context.Context, id int64) (DeadLetter, error) {
	d, err := scanLetter(r.conn.QueryRowContext(ctx,
		"SELECT id, received_at, pattern, peer, sender, code, reason, size, frame FROM dead_letters WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return DeadLetter{}, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("queue: reading dead letter %d: %w", id, err)
	}
	return d, nil
}

func scanLetter(row interface{ Scan(...any) error }) (d DeadLetter, err error) {
	var receivedAt int64
	err = row.Scan(&d.ID, &receivedAt, &d.Pattern, &d.Peer, &d.Sender, &d.Code, &d.Reason, &d.Size, &d.Frame)
	d.ReceivedAt = time.UnixMicro(receivedAt).UTC()
	return d, err
}

// query gathers a SELECT from constant texts; every value is a bound parameter.
type query struct {
	text       string
	conditions []string
	values     []any
	descending bool
}

func (q *query) where(condition string, value any) {
	q.conditions = append(q.conditions, condition)
	q.values = append(q.values, value)
}

func (q *query) whereSet(condition, value string) {
	if value != "" {
		q.where(condition, value)
	}
}

func (q *query) page(key string, newest bool, limit int) {
	q.text += " WHERE " + strings.Join(q.conditions, " AND ") + " ORDER BY " + key
	if q.descending = newest; newest {
		q.text += " DESC"
	}
	if limit <= 0 {
		limit = defaultPage
	}
	q.text += " LIMIT ?"
	q.values = append(q.values, min(limit, maxPage))
}

// collect runs q and returns its rows in rising order, until they hold pageBytes.
func collect[T any](ctx context.Context, r *Reader, q query, scan func(*sql.Rows) (T, int, error)) ([]T, error) {
	rows, err := r.conn.QueryContext(ctx, q.text, q.values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for bytes := 0; bytes < r.pageBytes && rows.Next(); {
		one, size, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		bytes += size
	}
	if q.descending {
		slices.Reverse(all)
	}
	return all, rows.Err()
}
