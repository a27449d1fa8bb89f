package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// Direct asks the driver itself. database/sql takes a goroutine, several locks and
// as many conversions as there are values for each query: twice what a lookup of one
// row costs.
type Direct struct {
	conn   *Conn
	driver *sqlite3.SQLiteConn
}

// Direct lends the connection to use, which nobody else has meanwhile, and which
// must not use it in another way.
func (c *Conn) Direct(use func(Direct) error) error {
	return c.Raw(func(d any) error { return use(Direct{c, d.(*sqlite3.SQLiteConn)}) })
}

// compiled is a statement with room for what it takes and gives.
type compiled struct {
	statement *sqlite3.SQLiteStmt
	bound     []driver.NamedValue
	row       []driver.Value
}

// Query runs a text with values in the order of its parameters, and calls use for
// each row, until that returns an error, which is returned: with the names of the
// columns, and what is in them (int64, float64, string, []byte or nil), in a slice
// that the next row overwrites. The text is compiled once and kept until Close: it
// must be one of few.
func (d Direct) Query(ctx context.Context, text string, values []any, use func(columns []string, row []driver.Value) error) (err error) {
	s, err := d.compile(ctx, text)
	if err != nil {
		return err
	}
	s.bound = s.bound[:0]
	for i, v := range values {
		value, err := driver.DefaultParameterConverter.ConvertValue(v)
		if err != nil {
			return err
		}
		s.bound = append(s.bound, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	rows, err := s.statement.QueryContext(ctx, s.bound)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns := rows.Columns()
	if len(s.row) != len(columns) {
		s.row = make([]driver.Value, len(columns))
	}
	for {
		switch err := rows.Next(s.row); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := use(columns, s.row); err != nil {
			return err
		}
	}
}

func (d Direct) compile(ctx context.Context, text string) (*compiled, error) {
	if s, ok := d.conn.compiled[text]; ok {
		return s, nil
	}
	s, err := d.driver.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", text, err)
	}
	if d.conn.compiled == nil {
		d.conn.compiled = map[string]*compiled{}
	}
	d.conn.compiled[text] = &compiled{statement: s.(*sqlite3.SQLiteStmt)}
	return d.conn.compiled[text], nil
}
