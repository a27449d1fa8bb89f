package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/queue"
)

func deadPurgeCommand(f *flags) *cobra.Command {
	var o choosing
	var asJSON bool
	c := &cobra.Command{
		Use:   "purge ID...|--code CODE|--before TIME|--all",
		Short: "Remove dead letters for good",
		Long: `purge removes dead letters: those that are named, all of a code, all that are
older than a time or an age, or all. --code and --before may be given together. It
runs beside a listener or without one, and prints how many there were.`,
		Example: `  cf-messaged dead purge 17 18
  cf-messaged dead purge --code unknown_sender --before 30d`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			chosen, err := o.choose("dead purge", args, time.Now())
			if err != nil {
				return err
			}
			purged, left, err := purgeDead(c, f, chosen)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(lines(c), map[string]int64{"purged": purged, "left": left})
			}
			_, err = fmt.Fprintf(lines(c), "%d purged, %d left\n", purged, left)
			return err
		},
	}
	o.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "one object: purged, left")
	return c
}

// purgeDead removes those that are chosen, and counts them and the rest.
func purgeDead(c *cobra.Command, f *flags, chosen chosen) (purged, left int64, err error) {
	config, err := f.load()
	if err != nil {
		return 0, 0, err
	}
	err = withReader(f, func(r *queue.Reader) error {
		ids, err := chosen.find(c.Context(), r)
		if err != nil {
			return err
		}
		purged, err = queue.PurgeDeadLetters(c.Context(), config.State, ids)
		if err != nil {
			return permitted(err, config.State)
		}
		counts, err := r.Counts(c.Context())
		left = counts.DeadLetters
		return err
	})
	return purged, left, err
}
