package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/queue"
)

const (
	// page bounds what is read from the queue at a time.
	page = 500
	// maxTail is what the queue gives at once.
	maxTail = 10_000
)

// tailing is one run of tail.
type tailing struct {
	filter queue.Filter
	last   int
	follow bool
	json   bool
	out    io.Writer
	told   io.Writer // for people
}

func tailCommand(f *flags) *cobra.Command {
	var t tailing
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest messages of the queue",
		Long: `tail prints the newest messages, the oldest of them first: the container as it
was received, a line each; with --json an object a line with position, received_at,
pattern, sender, peer, schema, version, message_id and container. A terminal is shown
JSON's escapes for what is not printable.`,
		Example: "  cf-messaged tail -F --schema host --json | jq .container.host.content.role",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return usageError{err}
			}
			t.out, t.told = lines(c), c.ErrOrStderr()
			return withReader(f, func(r *queue.Reader) error { return t.run(c.Context(), r) })
		},
	}
	c.Flags().BoolVarP(&t.follow, "follow", "F", false, "go on as messages arrive")
	c.Flags().IntVarP(&t.last, "lines", "n", 10, "how many of the newest to begin with, 10000 at most")
	c.Flags().StringVar(&t.filter.Schema, "schema", "", "only this schema")
	c.Flags().StringVar(&t.filter.Sender, "sender", "", "only this sender, by key digest")
	c.Flags().BoolVar(&t.json, "json", false, "an object a line")
	return c
}

// withReader opens the queue of the configured state for reading.
func withReader(f *flags, use func(*queue.Reader) error) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	r, err := queue.OpenReader(config.State)
	if err != nil {
		return permitted(err, config.State)
	}
	return errors.Join(use(r), r.Close())
}

func (t tailing) check() error {
	if t.last < 0 || t.last > maxTail {
		return fmt.Errorf("--lines: expected 0 to %d, found %d", maxTail, t.last)
	}
	if t.filter.Sender == "" {
		return nil
	}
	if _, err := hostkey.ParseDigest(t.filter.Sender); err != nil {
		return fmt.Errorf("--sender: %w", err)
	}
	return nil
}

func (t tailing) run(ctx context.Context, r *queue.Reader) error {
	messages, position, err := t.begin(ctx, r)
	for err == nil {
		for _, m := range messages {
			if err := t.print(m); err != nil {
				return err
			}
			position = m.Position
		}
		if !t.follow {
			return nil
		}
		messages, err = t.next(ctx, r, position)
	}
	return stopped(ctx, err)
}

// begin gives the newest messages, and the position after which it goes on.
func (t tailing) begin(ctx context.Context, r *queue.Reader) ([]queue.Message, int64, error) {
	if t.last > 0 {
		first := t.filter
		first.Newest, first.Limit = true, t.last
		messages, err := r.Messages(ctx, first)
		if err == nil && len(messages) < t.last {
			var some []queue.Pruned
			some, err = left(ctx, r, t.filter.Schema, time.Time{})
			printLeft(t.told, some)
		}
		return messages, 0, err
	}
	newest, err := r.Last(ctx, 1)
	if err != nil || len(newest) == 0 {
		return nil, 0, err
	}
	return nil, newest[0].Position, nil
}

// next waits until there is something after position and gives a page of it.
// What the filter passes over is not looked at again.
func (t tailing) next(ctx context.Context, r *queue.Reader, position int64) ([]queue.Message, error) {
	for {
		counts, err := r.Counts(ctx)
		if err != nil {
			return nil, err
		}
		filter := t.filter
		filter.After, filter.Limit = position, page
		messages, err := r.Messages(ctx, filter)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
		position = max(position, counts.Last)
		if err := r.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// stopped makes an interrupted tail -F an ordinary end.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (t tailing) print(m queue.Message) error {
	line, err := newMessageLine(m)
	if err != nil {
		return err
	}
	if t.json {
		return writeJSON(t.out, line)
	}
	_, err = t.out.Write(append(oneLine(line.Container), '\n'))
	return err
}

// oneLine keeps the container as received; only one that was sent over
// several lines is brought onto one.
func oneLine(container json.RawMessage) []byte {
	if !bytes.ContainsAny(container, "\n\r") {
		return bytes.Clone(container)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, container); err != nil {
		return bytes.Clone(container)
	}
	return line.Bytes()
}
