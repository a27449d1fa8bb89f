package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// What becomes of site data, beside the statuses of a receipt.
const (
	putUnchanged = "unchanged" // it is the truth already, by this listener's own word
	putValid     = "valid"     // it would be sent
	putFailed    = "failed"    // no receipt: it may have arrived or not
	putNotSent   = "not_sent"  // because of others
)

// putting is one run of put, by its flags.
type putting struct {
	flags                       *flags
	all, to, version, messageID string
	split, force, dryRun        bool
	quiet, asJSON               bool
}

func putCommand(f *flags) *cobra.Command {
	p := putting{flags: f}
	c := &cobra.Command{
		Use:   "put SCHEMA FILE|-...",
		Short: "Say site data: signed with this listener's key, sent to it like any message",
		Long: `put sends site data, such as what holds for a domain, to the running listener. It
signs with the listener's own CFEngine key and is judged like every other sender:
the feed must let that key in, as in
    feeds: {domain: {from: [self]}}

A file holds one JSON value, the content of one message; with --split, one that
holds an array is a message for each element. --all takes a whole folder, laid out
<schema>/<anything>.json, such as a checkout under version control. All is checked
before anything is sent. What is the truth already by this listener's own word is
not sent again, so policy and cron may run put always. Nothing removes an entity:
what was put holds until something newer is put in its place.

It prints a line for each message: stored, unchanged, refused (code and reason), duplicate
(of a --message-id), valid (--dry-run), failed (no receipt) or not_sent; with --json
the members file, schema, version, entity, message_id, status, code and reason.
Exit codes: 0 the listener has all of it, 1 it has not, 2 usage or configuration.`,
		Example: `  cf-messaged put domain webhuis.nl.json
  echo '{"domain":"webhuis.nl","nameservers":["192.0.2.53"]}' | cf-messaged put dns -
  cf-messaged put role --split roles.json
  cf-messaged put --all /srv/sitedata --quiet`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return p.run(c, args) },
	}
	c.Flags().StringVar(&p.all, "all", "", "every <schema>/<anything>.json of this folder, instead of SCHEMA and FILE")
	c.Flags().StringVar(&p.version, "version", "", "of the schema (default: the newest)")
	c.Flags().StringVar(&p.messageID, "message-id", "", "of the one message (default: a new one)")
	c.Flags().StringVar(&p.to, "to", "", "where this listener is reached (default: where its first request listener binds)")
	c.Flags().BoolVar(&p.split, "split", false, "make a message of each element of an array")
	c.Flags().BoolVar(&p.force, "force", false, "send also what is the truth already")
	c.Flags().BoolVar(&p.dryRun, "dry-run", false, "check only, and send nothing")
	c.Flags().BoolVar(&p.quiet, "quiet", false, "tell nothing of what is unchanged")
	c.Flags().BoolVar(&p.asJSON, "json", false, "an object a line")
	return c
}

// usage finds what does not go together.
func (p putting) usage(args []string) error {
	switch {
	case p.all != "" && len(args) > 0:
		return usageError{errors.New("put: --all takes a folder and nothing else: its folders are the schemas")}
	case p.all != "" && p.version != "":
		return usageError{errors.New("put: --version goes with one schema, not with --all")}
	case p.all == "" && len(args) < 2:
		return usageError{errors.New("put: expected a schema and files, or --all FOLDER; see cf-messaged put --help")}
	}
	return nil
}

// putter is what one run has opened.
type putter struct {
	putting
	config   Config
	registry *schemas.Registry
	limits   message.Limits
	pair     *hostkey.Pair
	out      io.Writer
}

func (p putting) run(c *cobra.Command, args []string) error {
	if err := p.usage(args); err != nil {
		return err
	}
	d, err := p.open(lines(c))
	if err != nil {
		return err
	}
	items, err := d.gather(args, c.InOrStdin())
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return usageError{errors.New("put: there is nothing to put")}
	}
	if p.messageID != "" && len(items) > 1 {
		return usageError{fmt.Errorf("put: --message-id is of one message, and these are %d", len(items))}
	}
	return d.put(c.Context(), items)
}

func (p putting) open(out io.Writer) (*putter, error) {
	config, err := p.flags.load()
	if err != nil {
		return nil, err
	}
	d := &putter{putting: p, config: config, out: out}
	if d.registry, err = config.registry(); err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", config.name(), err)}
	}
	if d.limits, err = config.limits(); err != nil {
		return nil, usageError{err}
	}
	if d.pair, err = hostkey.ReadPair(config.Keys); err != nil {
		return nil, permitted(err, config.Keys)
	}
	return d, nil
}

// put checks all items, and sends what is new where none is wrong.
func (d *putter) put(ctx context.Context, items []*putItem) error {
	refused := d.check(items)
	if !d.force {
		if err := d.compare(ctx, items); err != nil {
			return err
		}
	}
	if refused == 0 && !d.dryRun {
		return d.send(ctx, items)
	}
	rest := putNotSent
	if d.dryRun {
		rest = putValid
	}
	for _, i := range items {
		i.status = cmp.Or(i.status, rest)
		if err := d.tell(i); err != nil {
			return err
		}
	}
	if refused > 0 {
		return fmt.Errorf("put: %d of %d refused, and nothing was sent", refused, len(items))
	}
	return nil
}

// putLine is what became of one message, as programs read it.
type putLine struct {
	File      string  `json:"file"`
	Schema    string  `json:"schema"`
	Version   *string `json:"version"`    // null where there is no such schema
	Entity    *string `json:"entity"`     // null where the content does not say
	MessageID *string `json:"message_id"` // null where nothing was sent
	Status    string  `json:"status"`
	Code      *string `json:"code"`
	Reason    *string `json:"reason"`
}

func (d *putter) tell(i *putItem) error {
	if d.quiet && i.status == putUnchanged {
		return nil
	}
	if d.asJSON {
		line := putLine{File: i.file, Schema: i.schema, MessageID: orNull(i.id), Status: i.status, Code: orNull(string(i.code)), Reason: orNull(i.reason)}
		if i.template != nil {
			line.Version = &i.template.Version
		}
		if i.about {
			line.Entity = &i.entity
		}
		return writeJSON(d.out, line)
	}
	text := fmt.Sprintf("%-9s  %s  %s", i.status, i.file, i.schema)
	if i.about {
		text += " " + cmp.Or(i.entity, strconv.Quote(""))
	}
	for _, more := range slices.DeleteFunc([]string{string(i.code), i.reason}, func(s string) bool { return s == "" }) {
		text += ": " + more
	}
	_, err := fmt.Fprintln(d.out, visible(text))
	return err
}
