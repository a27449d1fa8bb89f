package view

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// reader is one guarded connection to the truth, with what was compiled on it.
type reader struct {
	conn       *sqlite.Conn
	begin, end *sql.Stmt
	compiled   map[*Container]*sql.Stmt
	broken     bool // whether it is in a transaction is not known: it must not be used again
}

func (r *Runner) open(ctx context.Context) (*reader, error) {
	conn, err := r.options.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("views: %w", err)
	}
	reader := &reader{conn: conn, compiled: map[*Container]*sql.Stmt{}}
	err = guard(conn)
	if err == nil {
		err = conn.Prepare(ctx, map[**sql.Stmt]string{&reader.begin: "BEGIN", &reader.end: "ROLLBACK"})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("views: %w", err), conn.Close())
	}
	return reader, nil
}

// answer runs all SQL of a view upon one state of the truth.
func (r *reader) answer(ctx context.Context, v *View, values map[string]any, l Limits) (json.RawMessage, error) {
	// Without ctx, after which it would not be known whether it began.
	if _, err := r.begin.Exec(); err != nil {
		r.broken = true
		return nil, fmt.Errorf("view %s: %w", v.Name, err)
	}
	defer func() {
		if _, err := r.end.Exec(); err != nil {
			r.broken = true
		}
	}()
	a := answer{view: v, limits: l, members: map[string]json.RawMessage{}}
	for i := range v.Containers {
		c := &v.Containers[i]
		value, err := r.container(ctx, &a, c, values)
		if err != nil {
			return nil, a.explain(ctx, c, err)
		}
		if value != nil {
			a.members[c.Name] = value
		}
	}
	return a.data()
}

// container gives one container's value, nil for a single one without a row.
func (r *reader) container(ctx context.Context, a *answer, c *Container, values map[string]any) (json.RawMessage, error) {
	s, err := r.compile(ctx, c)
	if err != nil {
		return nil, err
	}
	bound := make([]any, len(c.statement.parameters))
	for i, name := range c.statement.parameters {
		bound[i] = values[name]
	}
	rows, err := s.QueryContext(ctx, bound...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	elements, err := a.elements(c, rows)
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

func (r *reader) compile(ctx context.Context, c *Container) (*sql.Stmt, error) {
	if s, ok := r.compiled[c]; ok {
		return s, nil
	}
	var s *sql.Stmt
	if err := r.conn.Prepare(ctx, map[**sql.Stmt]string{&s: c.statement.text}); err != nil {
		return nil, err
	}
	r.compiled[c] = s
	return s, nil
}

// answer is one answer as it grows.
type answer struct {
	view    *View
	limits  Limits
	size    int // bytes so far
	members map[string]json.RawMessage
}

// elements turns rows into JSON, within the limits.
func (a *answer) elements(c *Container, rows *sql.Rows) ([]json.RawMessage, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	row := newRow(c, columns)
	var elements []json.RawMessage
	for n := 0; rows.Next(); n++ {
		if n >= a.limits.Rows {
			return nil, a.limit(c, strconv.Itoa(a.limits.Rows)+" rows")
		}
		element, err := row.read(rows)
		if err != nil {
			return nil, err
		}
		if element == nil {
			continue
		}
		if c.Single && len(elements) > 0 {
			return nil, errors.New("it is single, and its SQL gives more than one row: end it with ORDER BY … LIMIT 1, or leave single out")
		}
		if a.size += len(element) + 1; a.size > a.limits.Bytes {
			return nil, a.limit(c, strconv.Itoa(a.limits.Bytes)+" bytes")
		}
		elements = append(elements, element)
	}
	return elements, rows.Err()
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
