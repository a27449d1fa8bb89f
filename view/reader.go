package view

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// reader is one guarded connection to the truth.
type reader struct {
	conn   *sqlite.Conn
	bound  []any
	broken bool // whether it is in a transaction is not known: it must not be used again
}

func (r *Runner) open(ctx context.Context) (*reader, error) {
	conn, err := r.options.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("views: %w", err)
	}
	if err := guard(conn); err != nil {
		return nil, errors.Join(fmt.Errorf("views: %w", err), conn.Close())
	}
	return &reader{conn: conn}, nil
}

// answer runs all SQL of a view upon one state of the truth.
func (r *reader) answer(ctx context.Context, v *View, values map[string]any, l Limits) (data json.RawMessage, err error) {
	err = r.conn.Direct(func(d sqlite.Direct) error {
		// Without ctx, after which it would not be known whether it began.
		if err := d.Query(context.Background(), "BEGIN", nil, nil); err != nil {
			r.broken = true
			return fmt.Errorf("view %s: %w", v.Name, err)
		}
		defer func() {
			if err := d.Query(context.Background(), "ROLLBACK", nil, nil); err != nil {
				r.broken = true
			}
		}()
		a := answer{view: v, limits: l, members: make(map[string]json.RawMessage, len(v.Containers)+1)}
		for i := range v.Containers {
			c := &v.Containers[i]
			value, err := r.container(ctx, d, &a, c, values)
			if err != nil {
				return a.explain(ctx, c, err)
			}
			if value != nil {
				a.members[c.Name] = value
			}
		}
		data, err = a.data()
		return err
	})
	return data, err
}

// container gives one container's value, nil for a single one without a row.
func (r *reader) container(ctx context.Context, d sqlite.Direct, a *answer, c *Container, values map[string]any) (json.RawMessage, error) {
	r.bound = r.bound[:0]
	for _, name := range c.statement.parameters {
		r.bound = append(r.bound, values[name])
	}
	var elements []json.RawMessage
	n := 0
	err := d.Query(ctx, c.statement.text, r.bound, func(columns []string, values []driver.Value) error {
		if n++; n > a.limits.Rows {
			return a.limit(c, strconv.Itoa(a.limits.Rows)+" rows")
		}
		element, err := row{c, columns, values}.read()
		if err == nil && element != nil {
			elements, err = a.add(c, elements, element)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !c.Single:
		return array(elements, !c.statement.ordered), nil
	case len(elements) == 0:
		return nil, nil
	}
	return elements[0], nil
}

// answer is one answer as it grows.
type answer struct {
	view    *View
	limits  Limits
	size    int // bytes so far
	members map[string]json.RawMessage
}

// add takes in one more element of a container, within the limits.
func (a *answer) add(c *Container, elements []json.RawMessage, element json.RawMessage) ([]json.RawMessage, error) {
	if c.Single && len(elements) > 0 {
		return nil, errors.New("it is single, and its SQL gives more than one row: end it with ORDER BY … LIMIT 1, or leave single out")
	}
	if a.size += len(element) + 1; a.size > a.limits.Bytes {
		return nil, a.limit(c, strconv.Itoa(a.limits.Bytes)+" bytes")
	}
	return append(elements, element), nil
}

func (a *answer) limit(c *Container, what string) error {
	return &LimitError{View: a.view.Name, Container: c.Name, What: what}
}

// explain says which part of the view failed. That SQLite was interrupted means
// that the time was up; with tells when it was the caller who gave up.
func (a *answer) explain(ctx context.Context, c *Container, err error) error {
	if limit := (*LimitError)(nil); errors.As(err, &limit) {
		return err
	}
	if ctx.Err() != nil {
		return a.limit(c, a.limits.Time.String())
	}
	return fmt.Errorf("%s: view %s: container %s: %w", a.view.File, a.view.Name, c.Name, err)
}
