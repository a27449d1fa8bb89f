package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func keysCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Whose messages are taken: list, approve and revoke keys",
		Long: `Trusted are the hosts whose public keys lie in the folder of keys, and those that
were approved here. A host that is not trusted asks to be with its first message:
its key then is pending, and nothing else of it is taken until it is approved.
What is decided here is kept in the state folder, goes before the folder of keys,
and holds for a running listener from its next message on.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return usageError{errors.New("keys: list, approve or revoke? See cf-messaged keys --help")}
		},
	}
	c.AddCommand(keysListCommand(f), keysApproveCommand(f), keysRevokeCommand(f))
	return c
}

func keysListCommand(f *flags) *cobra.Command {
	var asJSON bool
	var only string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the keys: pending, trusted, revoked",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if only != "" && !slices.Contains(keyStates, only) {
				return usageError{fmt.Errorf("--only: expected %s, found %q", strings.Join(keyStates, ", "), only)}
			}
			return withKnown(f, func(k *known) error {
				all := slices.DeleteFunc(k.lines(), func(l keyLine) bool { return only != "" && l.State != only })
				return printKeys(lines(c), all, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	c.Flags().StringVar(&only, "only", "", "only those that are pending, trusted or revoked")
	return c
}

func printKeys(out io.Writer, all []keyLine, asJSON bool) error {
	rows := [][]string{{"STATE", "DIGEST", "FIRST SEEN", "SOURCE", "BOUND TO"}}
	for _, l := range all {
		if asJSON {
			if err := writeJSON(out, l); err != nil {
				return err
			}
		}
		rows = append(rows, []string{l.State, l.Digest, l.seen(), l.Source, strings.Join(l.Names, " ")})
	}
	if asJSON {
		return nil
	}
	return table(out, rows)
}

func keysRevokeCommand(f *flags) *cobra.Command {
	return keysChangeCommand(f, (*known).revoke, &cobra.Command{
		Use:   "revoke DIGEST|FILE...",
		Short: "Trust a host no more, whatever the folder of keys says",
		Long: `revoke ends the trust in keys, wherever it came from: a running listener refuses the
host's next message. A key that was never seen may be revoked too.`,
	})
}

// keysChangeCommand completes a command that changes what is decided about keys.
func keysChangeCommand(f *flags, change func(*known, context.Context, hostkey.Decision) error, c *cobra.Command) *cobra.Command {
	var asJSON bool
	c.Args = usageArgs(cobra.MinimumNArgs(1))
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
		defer cancel()
		return withKnown(f, func(k *known) error {
			for _, arg := range args {
				d, err := k.named(arg)
				if err == nil {
					err = change(k, ctx, d)
				}
				if err == nil {
					err = k.tell(lines(c), d.Digest, asJSON)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the key as it is now, an object a line")
	return c
}
