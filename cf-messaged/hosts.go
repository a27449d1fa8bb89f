package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/truth"
)

// hostLine is one sender as programs read it (DESIGN.md section 9).
type hostLine struct {
	Sender    *string        `json:"sender"` // null for all that came unsigned
	Names     []string       `json:"names"`  // as the host's newest host message has them
	FirstSeen string         `json:"first_seen"`
	LastSeen  string         `json:"last_seen"`
	Messages  int64          `json:"messages"`
	Gaps      int64          `json:"gaps"`
	Stale     []string       `json:"stale"` // schemas that are older than wanted
	Schemas   []schemaCounts `json:"schemas"`
}

// schemaCounts is what a host said by one schema.
type schemaCounts struct {
	Schema   string `json:"schema"`
	LastSeen string `json:"last_seen"`
	Messages int64  `json:"messages"`
	Gaps     int64  `json:"gaps"`
}

func hostsCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "hosts",
		Short: "Who said something: last seen, messages, gaps",
		Long: `hosts lists the senders with what they said by schema. Gaps are messages that a
sender numbered and this listener does not have: lost on the way in the patterns
that promise no more than "at most once", refused, or given up by the sender.
Stale are schemas that a feed wants and that are absent or older.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := f.load()
			if err != nil {
				return err
			}
			return withTruth(c, f, func(r *truth.Reader) error {
				return hosts(c.Context(), r, config.allWants(), lines(c), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func hosts(ctx context.Context, r *truth.Reader, wants map[string]time.Duration, out io.Writer, asJSON bool) error {
	all, err := r.Hosts(ctx, wants)
	if err != nil {
		return err
	}
	rows := [][]string{{"SENDER", "NAMES", "SCHEMA", "LAST SEEN", "MESSAGES", "GAPS"}}
	for _, h := range all {
		host := newHostLine(h)
		if asJSON {
			if err := writeJSON(out, host); err != nil {
				return err
			}
		}
		rows = append(rows, host.rows()...)
	}
	if asJSON {
		return nil
	}
	return table(out, rows)
}

func newHostLine(h truth.Host) hostLine {
	line := hostLine{
		Sender: orNull(h.Sender), Names: append([]string{}, h.Names...), Stale: append([]string{}, h.Stale...),
		FirstSeen: timeText(h.FirstSeen), LastSeen: timeText(h.LastSeen), Messages: h.Messages, Gaps: h.Gaps,
	}
	for _, s := range h.Schemas {
		line.Schemas = append(line.Schemas, schemaCounts{s.Schema, timeText(s.LastSeen), s.Messages, s.Gaps})
	}
	return line
}

// rows are for people: a line for each schema.
func (h hostLine) rows() [][]string {
	sender := "unsigned"
	if h.Sender != nil {
		sender = *h.Sender
	}
	var rows [][]string
	for _, s := range h.Schemas {
		rows = append(rows, []string{sender, strings.Join(h.Names, " "), s.Schema, s.LastSeen,
			strconv.FormatInt(s.Messages, 10), strconv.FormatInt(s.Gaps, 10)})
	}
	return rows
}
