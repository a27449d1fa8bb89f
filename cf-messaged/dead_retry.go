package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// retrying is one run of dead retry.
type retrying struct {
	flags  *flags
	choose choosing
	to     string
	asJSON bool

	config Config
	limits message.Limits
	pair   *hostkey.Pair
	reader *queue.Reader
	out    io.Writer
	last   newest // before what is sent
}

func deadRetryCommand(f *flags) *cobra.Command {
	o := retrying{flags: f}
	c := &cobra.Command{
		Use:   "retry ID...|--code CODE|--before TIME|--all",
		Short: "Send dead letters to the running listener again",
		Long: `retry sends the frame of a dead letter to the running listener, as its sender did,
once what was wrong has been mended: a key approved, a feed added. The listener
judges it from the start, by the sender's own signature. What is stored then, or
was before, is a dead letter no more; what is refused again stays one.

It prints a line for each: its id, stored, duplicate, refused (code and reason), failed
(no receipt) or not_sent, and the message's id; with --json the members id, message_id,
status, code and reason. An envelope that has expired stays refused: the sender has
to say it anew. What a handler gave up (code handler) is stored already and is not
sent. A listener whose curve is enrolled takes what others signed only over the
connections of its relays: name its own digest there, or another endpoint by --to.
Exit codes: 0 the listener has all of it, 1 it has not, 2 usage or configuration.`,
		Example: `  cf-messaged dead retry 17
  cf-messaged dead retry --code unknown_sender`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	o.choose.flags(c)
	c.Flags().StringVar(&o.to, "to", "", "where this listener is reached (default: where its first request listener binds)")
	c.Flags().BoolVar(&o.asJSON, "json", false, "an object a line")
	return c
}

func (o retrying) run(c *cobra.Command, args []string) error {
	chosen, err := o.choose.choose("dead retry", args, time.Now())
	if err != nil {
		return err
	}
	if o.config, err = o.flags.load(); err != nil {
		return err
	}
	if o.limits, err = o.config.limits(); err != nil {
		return usageError{err}
	}
	if o.pair, err = hostkey.ReadPair(o.config.Keys); err != nil {
		return permitted(err, o.config.Keys)
	}
	o.out = lines(c)
	return withReader(o.flags, func(r *queue.Reader) error {
		o.reader = r
		ids, err := chosen.find(c.Context(), r)
		if err != nil || len(ids) == 0 {
			return err
		}
		return o.retry(c.Context(), ids)
	})
}

// retry sends some at a time and tells of each. The first that gets no receipt
// ends it.
func (o retrying) retry(ctx context.Context, ids []int64) error {
	c, err := newCourier(&o.config, o.pair, o.limits, o.to)
	if err != nil {
		return err
	}
	defer c.client.Close()
	stored := 0
	for some := range slices.Chunk(ids, courierAtOnce) {
		if o.last, err = o.newest(ctx); err != nil {
			return err
		}
		retries, failed := o.sendSome(ctx, c, some)
		err := o.tidy(ctx, retries)
		for _, r := range retries {
			if r.done() {
				stored++
			}
			err = cmp.Or(err, o.tell(r))
		}
		if err = cmp.Or(failed, err); err != nil {
			return err
		}
	}
	if stored < len(ids) {
		return fmt.Errorf("dead retry: %d of %d are still dead letters", len(ids)-stored, len(ids))
	}
	return nil
}

// newest are the last message and the last dead letter of a queue, 0 where there
// is none.
type newest struct{ message, letter int64 }

func (o retrying) newest(ctx context.Context) (n newest, err error) {
	counts, err := o.reader.Counts(ctx)
	if err != nil {
		return n, err
	}
	n.message = counts.Last
	letters, err := o.reader.DeadLetters(ctx, queue.DeadFilter{Newest: true, Limit: 1})
	if len(letters) > 0 {
		n.letter = letters[0].ID
	}
	return n, err
}

// retryLine is what became of one, as programs read it.
type retryLine struct {
	ID        int64   `json:"id"`
	MessageID *string `json:"message_id"` // null where the frame does not say
	Status    string  `json:"status"`
	Code      *string `json:"code"`
	Reason    *string `json:"reason"`
}

func (o retrying) tell(r *retried) error {
	if o.asJSON {
		return writeJSON(o.out, retryLine{r.id, orNull(r.messageID), r.status, orNull(string(r.code)), orNull(r.reason)})
	}
	text := fmt.Sprintf("%-9s  %s  %s", r.status, strconv.FormatInt(r.id, 10), cmp.Or(r.messageID, "no id"))
	for _, more := range []string{string(r.code), r.reason} {
		if more != "" {
			text += ": " + more
		}
	}
	_, err := fmt.Fprintln(o.out, visible(text))
	return err
}
