package queue

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// Attach makes the messages of the log in folder readable by SQL on a connection to
// another file, as the view _queue: position, received_at in unix microseconds,
// sender ("" when unsigned), schema, version, message_id, issued_at in seconds, seq and frame.
func Attach(ctx context.Context, c *sqlite.Conn, folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if err := file.Attach(ctx, c, folder, "_log"); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	_, err = c.ExecContext(ctx, `CREATE TEMP VIEW _queue AS SELECT position, received_at, (SELECT digest FROM _log.senders WHERE id = m.sender) AS sender,
		schema, version, message_id, issued_at, seq, frame FROM _log.messages m`)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}
