package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/truth"
)

// exportLine is one value of the truth as programs read it.
type exportLine struct {
	Schema string `json:"schema"`
	Entity string `json:"entity"`
	valueLine
}

func exportCommand(f *flags) *cobra.Command {
	var schema, asOf string
	c := &cobra.Command{
		Use:   "export",
		Short: "Print all that is true, an object a line",
		Long: `export prints the newest content of every entity as an object a line: schema, entity,
content, sender, message_id, version, from, until (null), received_at and position.
With --as-of it prints what had been said until that time.`,
		Example: `  cf-messaged export --schema host | jq -r .content.fqhost
  cf-messaged export --as-of 2026-11-20T12:00:00Z`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			export := func(r *truth.Reader) error { return exportAll(c, r, schema) }
			if asOf == "" {
				return withTruth(c, f, export)
			}
			at, err := time.Parse(time.RFC3339, asOf)
			if err != nil {
				return usageError{fmt.Errorf("--as-of: expected a time as 2026-11-20T12:00:00Z, found %q", asOf)}
			}
			if err := tellLeft(c, f, schema, at); err != nil {
				return err
			}
			return withTruthAsOf(f, at, export)
		},
	}
	c.Flags().StringVar(&schema, "schema", "", "only this schema")
	c.Flags().StringVar(&asOf, "as-of", "", "the truth of that time, RFC 3339")
	c.Flags().Bool("json", true, "an object a line; there is no other form")
	return c
}

func exportAll(c *cobra.Command, r *truth.Reader, schema string) error {
	out := lines(c)
	return r.Export(c.Context(), schema, func(v truth.Value) error {
		return writeJSON(out, exportLine{v.Schema, v.Entity, newValueLine(v)})
	})
}

func withTruthAsOf(f *flags, at time.Time, use func(*truth.Reader) error) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	r, err := truth.OpenReaderAsOf(config.State, at)
	if err != nil {
		return permitted(err, config.State)
	}
	return errors.Join(use(r), r.Close())
}
