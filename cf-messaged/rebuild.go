package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/truth"
)

// rebuiltLine is what rebuild did, as programs read it.
type rebuiltLine struct {
	Messages int64   `json:"messages"`
	Seconds  float64 `json:"seconds"`
}

func rebuildCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Make the truth anew from the queue",
		Long: `rebuild makes the truth anew from the messages in the queue and the schemas as they
are now. The old one is there until the new one is complete. A listener that runs
goes on meanwhile, and then takes the new one over between two messages, in about a
second for 200 MB, for which receipts wait that carry a view. Let it read changed
schemas first, by SIGHUP. Nothing leaves by keep meanwhile. Cut off at any moment, rebuild leaves the
old truth or the new one. It takes as much disk as the truth, twice where a
listener runs.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return rebuild(c, f, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object")
	return c
}

func rebuild(c *cobra.Command, f *flags, asJSON bool) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	registry, err := config.registry()
	if err != nil {
		return usageError{err}
	}
	log, err := newLog("text")
	if err != nil {
		return err
	}
	began, told := time.Now(), time.Now()
	var messages int64
	err = truth.Rebuild(c.Context(), config.State, truth.Options{Schemas: registry, Log: log}, func(done, total int64) {
		messages = done
		if time.Since(told) > time.Second {
			told = time.Now()
			fmt.Fprintf(c.ErrOrStderr(), "%d of %d messages\n", done, total)
		}
	})
	if err != nil {
		return permitted(err, config.State)
	}
	took := time.Since(began).Seconds()
	if asJSON {
		return writeJSON(c.OutOrStdout(), rebuiltLine{messages, took})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "made anew of %d messages in %.1f s\n", messages, took)
	return err
}
