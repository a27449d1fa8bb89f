package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// shownMessage is a stored message with what became of it.
type shownMessage struct {
	messageLine
	Envelope string         `json:"envelope"`
	Truth    string         `json:"truth"`
	Handlers []shownHandler `json:"handlers"`
}

// shownHandler is the state of one handler for one message.
type shownHandler struct {
	Name      string `json:"name"`
	State     string `json:"state"`
	Tries     int    `json:"tries"`
	LastError string `json:"last_error"`
}

func showCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show MESSAGE_ID",
		Short: "Show one message: where it is and what happened to it",
		Long: `show prints every stored message of this id (ids are unique for a sender only)
and every dead letter that carries it.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return withReader(f, func(r *queue.Reader) error {
				return show(c.Context(), r, args[0], lines(c), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func show(ctx context.Context, r *queue.Reader, id string, out io.Writer, asJSON bool) error {
	stored, err := r.Messages(ctx, queue.Filter{MessageID: id, Limit: page})
	if err != nil {
		return err
	}
	dead, err := deadWithID(ctx, r, id)
	if err != nil {
		return err
	}
	if len(stored)+len(dead) == 0 {
		return fmt.Errorf("no message %q is stored or was refused here: check the id, or ask the node whether it was sent (its promise says repaired or not_kept)", id)
	}
	for _, m := range stored {
		if err := showStored(out, m, asJSON); err != nil {
			return err
		}
	}
	for _, d := range dead {
		if err := showDead(out, d, asJSON); err != nil {
			return err
		}
	}
	return nil
}

func showStored(out io.Writer, m queue.Message, asJSON bool) error {
	line, err := newMessageLine(m)
	if err != nil {
		return err
	}
	// No truth and no handlers have a cursor in the queue yet, so nothing was
	// applied.
	shown := shownMessage{messageLine: line, Envelope: string(m.Frame), Truth: "pending", Handlers: []shownHandler{}}
	if asJSON {
		return writeJSON(out, shown)
	}
	return table(out, [][]string{
		{"message", line.MessageID},
		{"stored", fmt.Sprintf("position %d, %s", line.Position, line.ReceivedAt)},
		{"sender", orText(m.Sender, "unsigned")},
		{"peer", line.Peer + " (" + line.Pattern + ")"},
		{"schema", line.Schema + " " + line.Version},
		{"container", string(oneLine(line.Container))},
		{"envelope", string(m.Frame)},
	})
}

// deadWithID goes through the dead letters, which are bounded, and opens
// those that are whole; ids of refused frames are not indexed, because they
// are not proved.
func deadWithID(ctx context.Context, r *queue.Reader, id string) ([]queue.DeadLetter, error) {
	var found []queue.DeadLetter
	err := eachDead(ctx, r, func(d queue.DeadLetter) error {
		whole, err := r.DeadLetter(ctx, d.ID)
		if err != nil {
			return err
		}
		if carries(whole.Frame, id) {
			found = append(found, whole)
		}
		return nil
	})
	return found, err
}

// carries tells whether a refused frame holds a container of this id.
func carries(frame []byte, id string) bool {
	payload, err := message.Payload(frame)
	if err != nil {
		return false
	}
	c, err := message.Decode(payload, message.Limits{Size: len(payload), Depth: maxDepth})
	return err == nil && c.MessageID == id
}

// eachDead calls use for every dead letter without its frame, page by page,
// the oldest first.
func eachDead(ctx context.Context, r *queue.Reader, use func(queue.DeadLetter) error) error {
	for after := int64(0); ; {
		letters, err := r.DeadLetters(ctx, queue.DeadFilter{After: after, Limit: page})
		if err != nil || len(letters) == 0 {
			return err
		}
		for _, d := range letters {
			after = d.ID
			if err := use(d); err != nil {
				return err
			}
		}
	}
}
