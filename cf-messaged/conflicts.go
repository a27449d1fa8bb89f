package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/truth"
)

// conflictLine is one value that several entities have, as programs read it
// (DESIGN.md section 9).
type conflictLine struct {
	Schema   string          `json:"schema"`
	Property string          `json:"property"`
	Value    json.RawMessage `json:"value"`
	Entities []claimLine     `json:"entities"`
}

type claimLine struct {
	Entity     string  `json:"entity"`
	Sender     *string `json:"sender"` // null when unsigned
	MessageID  string  `json:"message_id"`
	ReceivedAt string  `json:"received_at"`
}

func conflictsCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "conflicts",
		Short: "Show what several entities have and no two should share",
		Long: `conflicts lists the values that the schemas call unique (x-unique) and that
several entities have now, such as one host name of two hosts, with who says so.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return withTruth(c, f, func(r *truth.Reader) error {
				return conflicts(c.Context(), r, lines(c), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func conflicts(ctx context.Context, r *truth.Reader, out io.Writer, asJSON bool) error {
	all, err := r.Conflicts(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"SCHEMA", "PROPERTY", "VALUE", "ENTITY", "SENDER", "MESSAGE ID", "RECEIVED"}}
	for _, c := range all {
		line := conflictLine{Schema: c.Schema, Property: c.Property, Value: c.Value}
		for _, e := range c.Entities {
			line.Entities = append(line.Entities, claimLine{e.Entity, orNull(e.Sender), e.MessageID, timeText(e.ReceivedAt)})
			rows = append(rows, []string{c.Schema, c.Property, string(c.Value), e.Entity, orText(e.Sender, "unsigned"), e.MessageID, timeText(e.ReceivedAt)})
		}
		if asJSON {
			if err := writeJSON(out, line); err != nil {
				return err
			}
		}
	}
	if asJSON {
		return nil
	}
	return table(out, rows)
}
