package queue

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// errFull ends a page.
var errFull = errors.New("the page is full")

// messages runs q, which selects the columns of a Message, and returns its rows in
// rising order, until they hold pageBytes. All who follow the queue read by it, so it
// goes past database/sql.
func (r *Reader) messages(ctx context.Context, q query) (all []Message, err error) {
	bytes := 0
	err = r.conn.Direct(func(d sqlite.Direct) error {
		return d.Query(ctx, q.text, q.values, func(_ []string, row []driver.Value) error {
			m, err := messageOf(row)
			if err != nil {
				return err
			}
			all = append(all, m)
			if bytes += len(m.Frame); bytes >= r.pageBytes {
				return errFull
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	if q.descending {
		slices.Reverse(all)
	}
	return all, nil
}

func messageOf(row []driver.Value) (Message, error) {
	c := cells{row: row}
	m := Message{
		Position: c.number(0), ReceivedAt: time.UnixMicro(c.number(1)).UTC(), Pattern: c.text(2), Sender: c.text(3), Peer: c.text(4),
		Schema: c.text(5), Version: c.text(6), MessageID: c.text(7), IssuedAt: c.number(8), Seq: uint64(c.number(9)),
		Encrypted: c.number(10) != 0,
	}
	m.Frame, _ = row[11].([]byte)
	return m, c.err
}

// cells are the columns of a row; err is the first that was not what it should be.
type cells struct {
	row []driver.Value
	err error
}

func (c *cells) number(i int) int64 {
	n, ok := c.row[i].(int64)
	c.check(i, ok)
	return n
}

func (c *cells) text(i int) string {
	s, ok := c.row[i].(string)
	c.check(i, ok)
	return s
}

func (c *cells) check(i int, ok bool) {
	if !ok && c.err == nil {
		c.err = fmt.Errorf("column %d holds a %T", i+1, c.row[i])
	}
}
