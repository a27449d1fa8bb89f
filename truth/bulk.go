package truth

import (
	"database/sql"
	"fmt"
	"strings"
)

// chunk is how many rows one run of a bulk takes: the way into SQLite costs as much
// as what it does there for a row.
const chunk = 40

// bulk is a statement over rows of values, which runs for a chunk of them at once.
// What is over runs one by one.
type bulk struct {
	one, many *sql.Stmt
	values    []any
}

// texts adds the statement to those that are to be prepared. row stands where the
// rows' values do, between head and tail: "(?, ?)".
func (b *bulk) texts(to map[**sql.Stmt]string, head, row, tail string) {
	to[&b.one] = head + row + tail
	to[&b.many] = head + strings.Repeat(row+", ", chunk-1) + row + tail
}

// each calls use with the statement and the bound values for each chunk of n rows.
// columns appends a row's values.
func (b *bulk) each(n int, columns func(values []any, i int) []any, use func(s *sql.Stmt, values []any) error) error {
	for from := 0; from < n; {
		s, to := b.one, from+1
		if n-from >= chunk {
			s, to = b.many, from+chunk
		}
		b.values = b.values[:0]
		for ; from < to; from++ {
			b.values = columns(b.values, from)
		}
		if err := use(s, b.values); err != nil {
			return err
		}
	}
	clear(b.values[:cap(b.values)]) // let the contents go
	return nil
}

// run runs the statement for n rows.
func (b *bulk) run(n int, columns func(values []any, i int) []any) error {
	return b.each(n, columns, func(s *sql.Stmt, values []any) error { return run(s, values...) })
}

// query runs a statement that gives rows, and calls use for each of them.
func (b *bulk) query(n int, columns func(values []any, i int) []any, use func(*sql.Rows) error) error {
	return b.each(n, columns, func(s *sql.Stmt, values []any) error {
		rows, err := s.Query(values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := use(rows); err != nil {
				return fmt.Errorf("reading: %w", err)
			}
		}
		return rows.Err()
	})
}

func run(s *sql.Stmt, values ...any) error {
	_, err := s.Exec(values...)
	return err
}
