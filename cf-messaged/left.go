package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/queue"
)

// What is said of messages that left the queue, as their feed's keep says.

// leftMessage is one of them, as programs read it.
type leftMessage struct {
	Position   int64   `json:"position"`
	ReceivedAt string  `json:"received_at"`
	Sender     *string `json:"sender"` // null when unsigned
	Schema     string  `json:"schema"`
	MessageID  string  `json:"message_id"`
	Truth      string  `json:"truth"` // left
}

// showLeft prints one whose id is remembered.
func showLeft(out io.Writer, m queue.Message, asJSON bool) error {
	if asJSON {
		return writeJSON(out, leftMessage{m.Position, timeText(m.ReceivedAt), orNull(m.Sender), m.Schema, m.MessageID, "left"})
	}
	return table(out, [][]string{
		{"message", m.MessageID},
		{"stored", fmt.Sprintf("position %d, %s; it left the queue since, as feeds.%s.keep says", m.Position, timeText(m.ReceivedAt), m.Schema)},
		{"sender", orText(m.Sender, "unsigned")},
		{"schema", m.Schema},
		{"duplicate", "if it comes again before " + timeText(m.ReceivedAt.Add(queue.DuplicateWindow))},
	})
}

// left gives what left of a schema, "" for any. before is a time as of which
// somebody asks, zero for now; then only what may be lacking as of it.
func left(ctx context.Context, r *queue.Reader, schema string, before time.Time) ([]queue.Pruned, error) {
	all, err := r.Pruned(ctx)
	var some []queue.Pruned
	for _, p := range all {
		if (schema == "" || p.Schema == schema) && (before.IsZero() || before.Before(p.WholeFrom)) {
			some = append(some, p)
		}
	}
	return some, err
}

// tellLeft tells people what left, beside an answer that may lack it.
func tellLeft(c *cobra.Command, f *flags, schema string, before time.Time) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	r, err := queue.OpenReader(config.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return permitted(err, config.State)
	}
	some, err := left(c.Context(), r, schema, before)
	printLeft(c.ErrOrStderr(), some)
	return errors.Join(err, r.Close())
}

func printLeft(out io.Writer, some []queue.Pruned) {
	for _, p := range some {
		fmt.Fprintf(out, "%d messages of schema %s left, as feeds.%s.keep says: what was no longer true before %s\n",
			p.Messages, p.Schema, p.Schema, timeText(p.WholeFrom))
	}
}
