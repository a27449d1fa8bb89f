package truth

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// Connect opens the truth in folder for reading by SQL, with the schemas as views
// (DESIGN.md sections 10 and 11); the caller closes it. The error is
// fs.ErrNotExist where no listener has made a truth yet.
//
// A view has the columns entity, sender, received_at (unix microseconds) and
// content, then one for each top-level scalar property by its name: text; whole
// numbers and booleans (1 and 0) as INTEGER; other numbers as REAL. A name that
// another column has, without regard to case, gets a "_" after it.
func Connect(ctx context.Context, folder string) (*sqlite.Conn, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	conn, err := file.Open(ctx, folder, "ro")
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	return conn, nil
}

// ConnectAsOf is Connect with views of what had been said until a time, also where
// it was received later.
func ConnectAsOf(ctx context.Context, folder string, at time.Time) (*sqlite.Conn, error) {
	return connectWith(ctx, folder, func(conn *sqlite.Conn) error { return goBack(ctx, conn, at) })
}

// connectWith is Connect with the views of showHistory, and what more does.
func connectWith(ctx context.Context, folder string, more func(*sqlite.Conn) error) (*sqlite.Conn, error) {
	conn, err := Connect(ctx, folder)
	if err != nil {
		return nil, err
	}
	if err = showHistory(ctx, conn, folder); err == nil {
		err = more(conn)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("truth: making the views of what was said: %w", err), conn.Close())
	}
	return conn, nil
}
