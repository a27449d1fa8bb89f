package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// Conn is one connection to a file, with the statements that were prepared on it.
type Conn struct {
	*sql.Conn
	db       *sql.DB
	prepared []*sql.Stmt
	compiled map[string]*compiled // of Direct
}

func connect(ctx context.Context, dsn string) (*Conn, error) {
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Conn{Conn: conn, db: db}, nil
}

// Prepare prepares each text and puts it where its key points; Close closes them.
func (c *Conn) Prepare(ctx context.Context, statements map[**sql.Stmt]string) error {
	for at, text := range statements {
		s, err := c.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("preparing %s: %w", text, err)
		}
		*at = s
		c.prepared = append(c.prepared, s)
	}
	return nil
}

// Run runs statements that give no rows.
func (c *Conn) Run(text string) error {
	_, err := c.ExecContext(context.Background(), text)
	return err
}

// RollBack undoes a transaction that failed for cause, where SQLite has not done
// so itself, and returns cause. An error of its own is not wrapped: it is never
// one that is recovered from.
func (c *Conn) RollBack(cause error) error {
	undone := false
	err := c.Raw(func(driver any) error {
		undone = driver.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	if err == nil && !undone {
		err = c.Run("ROLLBACK")
	}
	if err != nil {
		return fmt.Errorf("%v; rolling back: %v", cause, err)
	}
	return cause
}

// Function makes a function of Go's one of SQL's, for this connection: what it gives
// rests on its arguments alone. Source: mattn's SQLiteConn.RegisterFunc.
func (c *Conn) Function(name string, f any) error {
	return c.Raw(func(driver any) error { return driver.(*sqlite3.SQLiteConn).RegisterFunc(name, f, true) })
}

// CopyTo puts all that this file holds in the place of what another one holds, in
// one transaction: who reads that sees the old or the new, and goes on with what it
// has prepared. Neither connection may be in a transaction, and none other may write
// the other file; it is its writer's.
// Source: https://www.sqlite.org/c3ref/backup_finish.html.
func (c *Conn) CopyTo(other *Conn) error {
	return other.Raw(func(to any) error {
		return c.Raw(func(from any) error {
			b, err := to.(*sqlite3.SQLiteConn).Backup("main", from.(*sqlite3.SQLiteConn), "main")
			if err != nil {
				return fmt.Errorf("copying: %w", err)
			}
			_, err = b.Step(-1)
			if err := errors.Join(err, b.Finish()); err != nil {
				return fmt.Errorf("copying: %w", err)
			}
			return nil
		})
	})
}

// Close closes the file. SQLite keeps it open while a statement is, and
// database/sql does not close those of a sql.Conn.
func (c *Conn) Close() error {
	var problems []error
	for _, s := range c.prepared {
		problems = append(problems, s.Close())
	}
	for _, s := range c.compiled {
		problems = append(problems, s.statement.Close())
	}
	return errors.Join(append(problems, c.Conn.Close(), c.db.Close())...)
}
