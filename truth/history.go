package truth

import (
	"context"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// maxDepth and the frame's own size are the limits of what was accepted once,
// whatever the configuration says now.
const maxDepth = 1000

func decode(container []byte) (message.Container, error) {
	return message.Decode(container, message.Limits{Size: len(container), Depth: maxDepth})
}

// showHistory puts views on a connection that show in whole what is kept by short
// rows here, and the rest of it in the queue: _history has all that was ever said,
// and _latest what is true; the same columns. A message that left the queue is in
// neither, even before the truth forgets it.
func showHistory(ctx context.Context, conn *sqlite.Conn, folder string) error {
	if err := queue.Attach(ctx, conn, folder); err != nil {
		return err
	}
	if err := conn.Function("_content", contentOf); err != nil {
		return err
	}
	return createViews(conn, map[string]string{
		"_history": showing("n.id = f.id", "q.sender", "q.version", "_content(q.frame)"),
		"_latest":  showing(isNewest("f", ""), "f.sender", "f.version", "f.content"),
	})
}

// contentOf is what a message says, in SQL.
func contentOf(frame []byte) (string, error) {
	container, err := message.Payload(frame)
	if err != nil {
		return "", err
	}
	c, err := decode(container)
	return string(c.Content), err
}

// showing selects those messages n about each entity f that a condition chooses, with
// the row q that is in the queue.
func showing(condition, sender, version, content string) string {
	return `SELECT f.schema, f.entity, n."from", n.tie, n.position, ` + sender + ` AS sender, q.message_id, ` + version + ` AS version,
		q.issued_at * 1000000 AS issued_at, q.seq, n.received_at, ` + content + ` AS content
		FROM main._facts f CROSS JOIN main._messages n ON ` + condition + ` CROSS JOIN _queue q ON q.position = n.position`
}

// isNewest chooses, of the messages n about a row's entity, the newest for which more holds.
func isNewest(row, more string) string {
	return `n.id = ` + row + `.id AND (n."from", n.tie, n.position) = (SELECT "from", tie, position FROM main._messages WHERE id = ` + row + `.id` + more + newestFirst + `)`
}

// newestFirst ends a query for the newest message of an entity.
const newestFirst = ` ORDER BY "from" DESC, tie DESC, position DESC LIMIT 1`

// goBack puts views in the place of what _latest and the schemas' views are made of,
// and those anew upon them, for this connection only: what is temporary is found first.
func goBack(ctx context.Context, conn *sqlite.Conn, at time.Time) error {
	until := fmt.Sprintf(` AND "from" <= %d`, at.UnixMicro())
	views, err := viewTexts(ctx, conn)
	if err != nil {
		return err
	}
	if err := conn.Run("DROP VIEW temp._latest"); err != nil {
		return err
	}
	views["_latest"] = showing(isNewest("f", until), "q.sender", "q.version", "_content(q.frame)")
	views["_messages"] = "SELECT * FROM main._messages WHERE true" + until
	views["_facts"] = `SELECT f.id, f.schema, f.entity, q.sender, q.version, _content(q.frame) AS content FROM main._facts f
		CROSS JOIN _queue q ON q.position = (SELECT position FROM main._messages WHERE id = f.id` + until + newestFirst + `)`
	return createViews(conn, views)
}

func createViews(conn *sqlite.Conn, texts map[string]string) error {
	for name, text := range texts {
		if err := conn.Run("CREATE TEMP VIEW " + identified(name) + " AS " + text); err != nil {
			return fmt.Errorf("view %s: %w", name, err)
		}
	}
	return nil
}

// viewTexts are what the schemas' views select, by name.
func viewTexts(ctx context.Context, conn *sqlite.Conn) (map[string]string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT name, substr(sql, instr(sql, ' AS SELECT ') + 4) FROM sqlite_schema WHERE type = 'view' AND name NOT GLOB '_*'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	texts := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		texts[name] = text
	}
	return texts, rows.Err()
}
