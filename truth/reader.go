package truth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// ErrNotFound means that nothing is known of the entity.
var ErrNotFound = errors.New("truth: nothing is known of it")

// ErrTooMany means that an answer has more rows than a Reader gives.
var ErrTooMany = errors.New("truth: too many rows")

// Reader reads a truth, in any process that may write to its folder (SQLite keeps
// the -shm file beside a WAL there), while a listener writes and while none runs.
// It cannot change the file. Several goroutines may use one Reader, which serves
// them in turn; more than one for each processor only make all wait longer.
type Reader struct {
	Timeout time.Duration    // of one call; 5 s
	MaxRows int              // of one answer; 1000000
	Now     func() time.Time // time.Now

	conn        *sqlite.Conn
	latest, age *sql.Stmt
}

// OpenReader opens the truth in folder as it is now. The error is fs.ErrNotExist
// where no listener has made one yet.
func OpenReader(folder string) (*Reader, error) {
	conn, err := connectWith(context.Background(), folder, func(*sqlite.Conn) error { return nil })
	if err != nil {
		return nil, err
	}
	return newReader(conn)
}

// OpenReaderAsOf opens the truth as it was at a time: what had been said until
// then, also where it was received later. Latest and Export show that time;
// everything else is as it is now.
func OpenReaderAsOf(folder string, at time.Time) (*Reader, error) {
	conn, err := ConnectAsOf(context.Background(), folder, at)
	if err != nil {
		return nil, err
	}
	return newReader(conn)
}

func newReader(conn *sqlite.Conn) (*Reader, error) {
	r := &Reader{Timeout: 5 * time.Second, MaxRows: 1_000_000, Now: time.Now, conn: conn}
	err := conn.Prepare(context.Background(), map[**sql.Stmt]string{
		&r.latest: "SELECT " + columns + " FROM _latest WHERE schema = ? AND entity = ?",
		&r.age:    "SELECT received_at FROM main._messages WHERE id = (SELECT id FROM main._facts WHERE schema = ? AND entity = ?)" + newestFirst,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("truth: %w", err), conn.Close())
	}
	return r, nil
}

// Close releases the file.
func (r *Reader) Close() error { return r.conn.Close() }

// Applied is up to which position of the queue the truth is made.
func (r *Reader) Applied(ctx context.Context) (position int64, err error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	if err := r.conn.QueryRowContext(ctx, "SELECT position FROM _meta").Scan(&position); err != nil {
		return 0, fmt.Errorf("truth: %w", err)
	}
	return position, nil
}

func (r *Reader) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.Timeout)
}

// collect runs a query and returns its rows, within the Reader's bounds.
func collect[T any](ctx context.Context, r *Reader, scan func(*sql.Rows) (T, error), text string, values ...any) ([]T, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	rows, err := r.conn.QueryContext(ctx, text, values...)
	if err != nil {
		return nil, fmt.Errorf("truth: reading: %w", err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		if len(all) >= r.MaxRows {
			return nil, fmt.Errorf("%w: over %d", ErrTooMany, r.MaxRows)
		}
		one, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("truth: reading: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("truth: reading: %w", err)
	}
	return all, nil
}
