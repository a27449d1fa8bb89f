package truth

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
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
	conn, err := Connect(ctx, folder)
	if err != nil {
		return nil, err
	}
	if err := goBack(ctx, conn, at); err != nil {
		return nil, errors.Join(fmt.Errorf("truth: making the views of that time: %w", err), conn.Close())
	}
	return conn, nil
}

// goBack puts views in the place of _latest and of what it is made of, and the
// schemas' views anew upon them, for this connection only: what is temporary is found
// first. There a position is the id of what was said.
func goBack(ctx context.Context, conn *sqlite.Conn, at time.Time) error {
	views, err := viewTexts(ctx, conn)
	if err != nil {
		return err
	}
	for _, text := range append([]string{
		"CREATE VIEW _latest AS " + latestAt(at),
		"CREATE VIEW _facts AS SELECT position AS id, schema, entity, sender, version, content FROM _latest",
		"CREATE VIEW _newest AS SELECT position AS id, received_at FROM main._said",
	}, views...) {
		if err := conn.Run("CREATE TEMP" + strings.TrimPrefix(text, "CREATE")); err != nil {
			return err
		}
	}
	return nil
}

func viewTexts(ctx context.Context, conn *sqlite.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name NOT GLOB '_*'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}

// latestAt selects of each entity the newest that was said until then.
func latestAt(at time.Time) string {
	return fmt.Sprintf(`SELECT `+columns+` FROM main._history h WHERE h."from" <= %d AND NOT EXISTS (
		SELECT 1 FROM main._said s JOIN main._order n USING (id) WHERE s.position = h.position
			AND (n."from", n.tie, n.position) > (s."from", s.tie, s.position) AND n."from" <= %[1]d)`, at.UnixMicro())
}
