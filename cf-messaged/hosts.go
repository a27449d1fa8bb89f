package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
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
that promise no more than "at most once", or refused.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return withReader(f, func(r *queue.Reader) error {
				return hosts(c.Context(), r, lines(c), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func hosts(ctx context.Context, r *queue.Reader, out io.Writer, asJSON bool) error {
	counted, err := r.Senders(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"SENDER", "NAMES", "SCHEMA", "LAST SEEN", "MESSAGES", "GAPS"}}
	for len(counted) > 0 {
		n := slices.IndexFunc(counted, func(s queue.Sender) bool { return s.Digest != counted[0].Digest })
		if n < 0 {
			n = len(counted)
		}
		host, err := newHostLine(ctx, r, counted[:n])
		if err != nil {
			return err
		}
		counted = counted[n:]
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

// newHostLine sums up one sender's counts by schema.
func newHostLine(ctx context.Context, r *queue.Reader, counted []queue.Sender) (hostLine, error) {
	names, err := namesOf(ctx, r, counted[0].Digest)
	h := hostLine{Sender: orNull(counted[0].Digest), Names: names, Stale: []string{}}
	first, last := counted[0].FirstSeen, counted[0].LastSeen
	for _, s := range counted {
		if s.FirstSeen.Before(first) {
			first = s.FirstSeen
		}
		if s.LastSeen.After(last) {
			last = s.LastSeen
		}
		h.Messages += s.Messages
		h.Gaps += s.Gaps
		h.Schemas = append(h.Schemas, schemaCounts{s.Schema, timeText(s.LastSeen), s.Messages, s.Gaps})
	}
	h.FirstSeen, h.LastSeen = timeText(first), timeText(last)
	return h, err
}

// namesOf are the names that a host gave itself last.
func namesOf(ctx context.Context, r *queue.Reader, digest string) ([]string, error) {
	names := []string{}
	if digest == "" {
		return names, nil
	}
	newest, err := r.Messages(ctx, queue.Filter{Sender: digest, Schema: "host", Newest: true, Limit: 1})
	if err != nil || len(newest) == 0 {
		return names, err
	}
	var said struct{ Uqhost, Fqhost string }
	if payload, err := message.Payload(newest[0].Frame); err == nil {
		if c, err := message.Decode(payload, message.Limits{Size: len(payload), Depth: maxDepth}); err == nil {
			_ = json.Unmarshal(c.Content, &said) // what is no name is none
		}
	}
	for _, name := range []string{said.Fqhost, said.Uqhost} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
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
