package truth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Value is what is, or was, true of an entity, with where that comes from.
type Value struct {
	Schema, Entity string
	Content        json.RawMessage // the very bytes of the container
	Sender         string          // key digest; "" when unsigned
	MessageID      string
	Version        string    // of the schema
	IssuedAt       time.Time // zero when unsigned
	Seq            uint64
	ReceivedAt     time.Time
	Position       int64     // in the queue
	From           time.Time // when it was said; of what is unsigned, when it was received
	Until          time.Time // when something newer was said; zero while it holds
}

// Latest returns what is true of an entity, or ErrNotFound.
func (r *Reader) Latest(ctx context.Context, schema, entity string) (Value, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	v, err := scanValue(r.latest.QueryRowContext(ctx, schema, entity))
	if errors.Is(err, sql.ErrNoRows) {
		return Value{}, fmt.Errorf("%w: schema %s, entity %s", ErrNotFound, schema, entity)
	}
	if err != nil {
		return Value{}, fmt.Errorf("truth: reading: %w", err)
	}
	return v, nil
}

// History returns all that was ever said about an entity, the oldest first, in the
// order in which it was said; the last one is what is true. A message that came
// late stands where it belongs.
func (r *Reader) History(ctx context.Context, schema, entity string) ([]Value, error) {
	all, err := collect(ctx, r, func(rows *sql.Rows) (Value, error) { return scanValue(rows) },
		"SELECT "+columns+` FROM _history WHERE schema = ? AND entity = ? ORDER BY "from", tie, position`, schema, entity)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: schema %s, entity %s", ErrNotFound, schema, entity)
	}
	for i := range all[1:] {
		all[i].Until = all[i+1].From
	}
	return all, nil
}

// Export calls use for all that is true, by schema and entity, until use returns
// an error; schema "" is all of them. MaxRows and Timeout do not bound it, ctx does.
func (r *Reader) Export(ctx context.Context, schema string, use func(Value) error) error {
	text, values := "SELECT "+columns+" FROM _latest", []any{}
	if schema != "" {
		text, values = text+" WHERE schema = ?", []any{schema}
	}
	rows, err := r.conn.QueryContext(ctx, text+" ORDER BY schema, entity", values...)
	if err != nil {
		return fmt.Errorf("truth: reading: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scanValue(rows)
		if err != nil {
			return fmt.Errorf("truth: reading: %w", err)
		}
		if err := use(v); err != nil {
			return err
		}
	}
	return rows.Err()
}

func scanValue(row interface{ Scan(...any) error }) (v Value, err error) {
	var from, tie, issuedAt, seq, receivedAt int64
	var content []byte
	err = row.Scan(&v.Schema, &v.Entity, &from, &tie, &v.Position, &v.Sender, &v.MessageID, &v.Version,
		&issuedAt, &seq, &receivedAt, &content)
	v.Content, v.Seq, v.From, v.ReceivedAt = content, uint64(seq), instant(from), instant(receivedAt)
	if issuedAt != 0 {
		v.IssuedAt = instant(issuedAt)
	}
	return v, err
}

func instant(micro int64) time.Time { return time.UnixMicro(micro).UTC() }

// State is what became of a message that is in the queue.
type State string

const (
	Applied    State = "applied"    // it is what is true
	Superseded State = "superseded" // something newer is
	Pending    State = "pending"    // it is not read yet
	Skipped    State = "skipped"    // its schema was gone, or it could not be read
)

// State tells what became of the message at a position of the queue, and of a
// skipped one why.
func (r *Reader) State(ctx context.Context, position int64) (s State, reason string, err error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	err = r.conn.QueryRowContext(ctx, `SELECT CASE
		WHEN ?1 > (SELECT position FROM _meta) THEN 'pending'
		WHEN EXISTS (SELECT 1 FROM _skipped WHERE position = ?1) THEN 'skipped'
		WHEN EXISTS (SELECT 1 FROM _queue q JOIN main._facts f ON f.schema = q.schema
			WHERE q.position = ?1 AND (SELECT position FROM main._messages WHERE id = f.id`+newestFirst+`) = ?1) THEN 'applied'
		ELSE 'superseded' END, ifnull((SELECT reason FROM _skipped WHERE position = ?1), '')`, position).Scan(&s, &reason)
	if err != nil {
		return "", "", fmt.Errorf("truth: reading: %w", err)
	}
	return s, reason, nil
}
