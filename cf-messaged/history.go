package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/truth"
)

// valueLine is one content of an entity as programs read it (DESIGN.md section 9).
type valueLine struct {
	Content    json.RawMessage `json:"content"`
	Sender     *string         `json:"sender"` // null when unsigned
	MessageID  string          `json:"message_id"`
	Version    string          `json:"version"`
	From       string          `json:"from"`
	Until      *string         `json:"until"` // null while it holds
	ReceivedAt string          `json:"received_at"`
	Position   int64           `json:"position"`
}

func newValueLine(v truth.Value) valueLine {
	line := valueLine{
		Content: v.Content, Sender: orNull(v.Sender), MessageID: v.MessageID, Version: v.Version,
		From: timeText(v.From), ReceivedAt: timeText(v.ReceivedAt), Position: v.Position,
	}
	if !v.Until.IsZero() {
		line.Until = orNull(timeText(v.Until))
	}
	return line
}

func historyCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "history SCHEMA ENTITY",
		Short: "Show all that was ever said about an entity",
		Long: `history prints every content of an entity, the oldest first; the last one is what
is true. The entity is a sender's digest, or the value of the property that the
schema names for it; where it names several, give the value of each.
From and until are when it was said and when something newer was. What left, as a
feed's keep says, is told on stderr.`,
		Example: `  cf-messaged history host SHA=…
  cf-messaged history domain example.com
  cf-messaged history role example.com webserver`,
		Args: usageArgs(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			entity := args[1]
			if len(args) > 2 {
				entity = truth.Entity(args[1:]...)
			}
			if err := tellLeft(c, f, args[0], time.Time{}); err != nil {
				return err
			}
			return withTruth(c, f, func(r *truth.Reader) error {
				return history(c.Context(), r, args[0], entity, lines(c), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func history(ctx context.Context, r *truth.Reader, schema, entity string, out io.Writer, asJSON bool) error {
	all, err := r.History(ctx, schema, entity)
	if err != nil {
		return err
	}
	rows := [][]string{{"FROM", "UNTIL", "SENDER", "MESSAGE ID", "VERSION", "CONTENT"}}
	for _, v := range all {
		if asJSON {
			if err := writeJSON(out, newValueLine(v)); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{timeText(v.From), untilText(v.Until), orText(v.Sender, "unsigned"),
			v.MessageID, v.Version, string(oneLine(v.Content))})
	}
	if asJSON {
		return nil
	}
	return table(out, rows)
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return "now"
	}
	return timeText(t)
}
