package truth

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// chunk is how many rows one run of a bulk takes: the way into SQLite costs as much
// as what it does there for a row.
const chunk = 40

// bulk is a statement over rows of values, which runs for a chunk of them at once.
// What is over runs one by one.
type bulk struct {
	conn      *sqlite.Conn
	one, many string
	values    []any
}

// makeBulk makes one. row stands where the rows' values do, between head and tail:
// "(?, ?)".
func makeBulk(c *sqlite.Conn, head, row, tail string) bulk {
	return bulk{conn: c, one: head + row + tail, many: head + strings.Repeat(row+", ", chunk-1) + row + tail}
}

// run runs the statement for n rows. columns appends a row's values.
func (b *bulk) run(n int, columns func(values []any, i int) []any) error {
	return b.query(n, columns, func([]driver.Value) error { return nil })
}

// query runs a statement that gives rows, and calls use for each of them, as
// sqlite.Direct does.
func (b *bulk) query(n int, columns func(values []any, i int) []any, use func(row []driver.Value) error) error {
	if n == 0 {
		return nil
	}
	defer func() { clear(b.values[:cap(b.values)]) }() // let the contents go
	return b.conn.Direct(func(d sqlite.Direct) error {
		for from := 0; from < n; {
			text, to := b.one, from+1
			if n-from >= chunk {
				text, to = b.many, from+chunk
			}
			b.values = b.values[:0]
			for ; from < to; from++ {
				b.values = columns(b.values, from)
			}
			if err := d.Query(context.Background(), text, b.values, func(_ []string, row []driver.Value) error { return use(row) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func run(s *sql.Stmt, values ...any) error {
	_, err := s.Exec(values...)
	return err
}
