package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
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
is true. The entity is a host, by its key digest or by what it calls itself, or the
value of the property that the schema names for it; where it names several, give the
value of each.
From and until are when it was said and when something newer was. What left, as a
feed's keep says, is told on stderr.`,
		Example: `  cf-messaged history host web1.example.com
  cf-messaged history domain example.com
  cf-messaged history role example.com webserver`,
		Args: usageArgs(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := tellLeft(c, f, args[0], time.Time{}); err != nil {
				return err
			}
			return withTruth(c, f, func(r *truth.Reader) error {
				entity, err := entityNamed(c.Context(), f, args[0], args[1:])
				if err != nil {
					return err
				}
				err = history(c.Context(), r, args[0], entity, lines(c), asJSON)
				if errors.Is(err, truth.ErrNotFound) {
					err = fmt.Errorf("%w; cf-messaged export --schema %s shows of what something is", err, args[0])
				}
				return err
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

// entityNamed is what names an entity in the truth: of a schema that is about hosts
// the digest of the host that calls itself so.
func entityNamed(ctx context.Context, f *flags, schema string, values []string) (string, error) {
	if len(values) > 1 {
		return truth.Entity(values...), nil
	}
	config, err := f.load()
	if err != nil {
		return "", err
	}
	registry, err := config.registry()
	if err != nil {
		return "", usageError{err}
	}
	// What was said by a schema that is gone is told all the same.
	if s, err := registry.Find(schema, ""); err != nil || !s.Entity.Sender || values[0] == "" {
		return values[0], nil
	}
	return hostNamed(ctx, config, values[0])
}

// hostNamed finds a host by its key digest or by what it calls itself.
func hostNamed(ctx context.Context, config Config, name string) (string, error) {
	set, err := config.views()
	if err != nil {
		return "", usageError{err}
	}
	r := view.NewRunner(set, view.Options{
		Open:   func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, config.State) },
		Limits: atTheCommandLine,
	})
	host, err := r.Host(ctx, name)
	return string(host), errors.Join(err, r.Close())
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
