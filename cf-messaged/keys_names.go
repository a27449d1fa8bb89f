package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/truth"
)

func keysApproveCommand(f *flags) *cobra.Command {
	var names []string
	var anyName bool
	c := &cobra.Command{
		Use:   "approve DIGEST|FILE...",
		Short: "Trust a host whose key is pending, or lies in a file",
		Long: `approve trusts keys by their digests, as keys list shows them and as "messages key"
does on the host itself: compare the two. A key that never asked is named by its file.
It takes back a revocation too.

With --name a key is bound to its host's names, also one that is trusted already: what
the host says of itself (schemas whose x-entity is sender) then has these as uqhost and
fqhost, or is refused, denied; and so is whoever else says them. www1.example.com stands
for www1 too. What no key is bound to is any host's to say; conflicts shows who shares it.`,
		Example: `  cf-messaged keys approve SHA=4f0c…
  cf-messaged keys approve /tmp/www1.pub --name www1.example.com`,
	}
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if len(names) > 0 && (len(args) > 1 || anyName) {
			return usageError{errors.New("keys approve: --name is for one key, and not with --any-name")}
		}
		return asUsage(normalise(names))
	}
	approve := func(k *known, ctx context.Context, d hostkey.Decision) error {
		if len(names) > 0 || anyName {
			d.Names = names
		}
		if err := k.approve(ctx, d); err != nil || len(names) == 0 {
			return err
		}
		if err := tellClaims(ctx, c.ErrOrStderr(), k.config, d); err != nil {
			fmt.Fprintln(c.ErrOrStderr(), "approved; but who was called so before cannot be told:", err)
		}
		return nil
	}
	keysChangeCommand(f, approve, c)
	c.Flags().StringArrayVar(&names, "name", nil, "bind the key to this host name, and to no other; may be given again")
	c.Flags().BoolVar(&anyName, "any-name", false, "bind it to none any more")
	return c
}

// normalise gives names the one spelling that they are kept in.
func normalise(names []string) error {
	for i, text := range names {
		name, err := hostkey.ParseName(text)
		if err != nil {
			return fmt.Errorf("--name: %w", err)
		}
		names[i] = name
	}
	return nil
}

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// tellClaims tells of hosts that were called so before the name was another's: what
// they said stays.
func tellClaims(ctx context.Context, out io.Writer, c Config, d hostkey.Decision) error {
	r, err := truth.OpenReader(c.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return permitted(err, c.State)
	}
	hosts, err := r.Hosts(ctx, nil)
	for _, h := range hosts {
		i := slices.IndexFunc(h.Names, func(name string) bool { return slices.Contains(d.Names, strings.ToLower(name)) })
		if i >= 0 && h.Sender != string(d.Digest) {
			fmt.Fprintf(out, "%s said before that it is %s, and that stays until it says what it may: cf-messaged conflicts\n", orText(h.Sender, "unsigned"), visible(h.Names[i]))
		}
	}
	return errors.Join(err, r.Close())
}
