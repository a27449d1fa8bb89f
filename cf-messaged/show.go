package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/truth"
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
and every dead letter that carries it. Of one that left the queue, as its feed's
keep says, it tells where and when it was stored, for the 31 days that its id is
remembered; its truth is "left" then.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return withReader(f, func(r *queue.Reader) error {
				return shows{r, args[0], lines(c), asJSON, f}.show(c.Context())
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

// shows is one run of show.
type shows struct {
	reader *queue.Reader
	id     string
	out    io.Writer
	json   bool
	flags  *flags
}

func (s shows) show(ctx context.Context) error {
	stored, err := s.reader.Messages(ctx, queue.Filter{MessageID: s.id, Limit: page})
	if err != nil {
		return err
	}
	dead, err := deadWithID(ctx, s.reader, s.id)
	if err != nil {
		return err
	}
	gone, err := s.reader.Remembered(ctx, s.id)
	if err != nil {
		return err
	}
	if len(stored)+len(dead)+len(gone) == 0 {
		return s.unknown(ctx)
	}
	for _, m := range gone {
		if slices.ContainsFunc(stored, func(s queue.Message) bool { return s.Position == m.Position }) {
			continue // it leaves right now
		}
		if err := showLeft(s.out, m, s.json); err != nil {
			return err
		}
	}
	for _, m := range stored {
		if err := s.stored(ctx, m); err != nil {
			return err
		}
	}
	for _, d := range dead {
		if err := showDead(s.out, d, s.json); err != nil {
			return err
		}
	}
	return nil
}

// unknown says why there may be nothing to show.
func (s shows) unknown(ctx context.Context) error {
	some, err := left(ctx, s.reader, "", time.Time{})
	if err != nil {
		return err
	}
	also := ""
	for _, p := range some {
		also += fmt.Sprintf("; or it is one of the %d messages of schema %s that left since, as feeds.%s.keep says", p.Messages, p.Schema, p.Schema)
	}
	return fmt.Errorf("no message %q is stored or was refused here: check the id, or ask the node whether it was sent (its promise says repaired or not_kept)%s", s.id, also)
}

func (s shows) stored(ctx context.Context, m queue.Message) error {
	line, err := newMessageLine(m)
	if err != nil {
		return err
	}
	handlers, err := handlersOf(s.flags, m)
	if err != nil {
		return err
	}
	made, reason, err := s.truth(ctx, m)
	if err != nil {
		return err
	}
	still, err := s.reader.Messages(ctx, queue.Filter{After: m.Position - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(still) == 0 || still[0].Position != m.Position {
		return showLeft(s.out, m, s.json) // meanwhile, and the truth no longer knows of it
	}
	shown := shownMessage{messageLine: line, Envelope: string(m.Frame), Truth: string(made), Handlers: handlers}
	if s.json {
		return writeJSON(s.out, shown)
	}
	rows := [][]string{
		{"message", line.MessageID},
		{"stored", fmt.Sprintf("position %d, %s", line.Position, line.ReceivedAt)},
		{"sender", orText(m.Sender, "unsigned")},
		{"peer", line.Peer + " (" + line.Pattern + ")"},
		{"schema", line.Schema + " " + line.Version},
		{"truth", strings.TrimSuffix(string(made)+": "+reason, ": ")},
	}
	for _, h := range handlers {
		rows = append(rows, []string{"handler", h.text()})
	}
	return table(s.out, append(rows, []string{"container", string(oneLine(line.Container))}, []string{"envelope", string(m.Frame)}))
}

// truth tells what the truth made of a message, and why it was passed over.
func (s shows) truth(ctx context.Context, m queue.Message) (truth.State, string, error) {
	config, err := s.flags.load()
	if err != nil {
		return "", "", err
	}
	return truthOf(ctx, config.State, m)
}

// handlersOf tells how far the handlers of a message's schema are with it.
func handlersOf(f *flags, m queue.Message) ([]shownHandler, error) {
	config, err := f.load()
	if err != nil {
		return nil, err
	}
	cursors, err := handler.ReadCursors(config.State)
	if err != nil {
		return nil, err
	}
	shown := []shownHandler{}
	for _, c := range cursors {
		state := c.State(m.Position)
		if c.Schema != m.Schema || state == handler.Earlier {
			continue
		}
		h := shownHandler{Name: c.Name, State: string(state)}
		if state == handler.Failing {
			h.Tries, h.LastError = c.Tries, c.LastError
		}
		shown = append(shown, h)
	}
	return shown, nil
}

func (h shownHandler) text() string {
	if h.LastError == "" {
		return h.Name + ": " + h.State
	}
	return fmt.Sprintf("%s: %s, %d tries, last error: %s", h.Name, h.State, h.Tries, h.LastError)
}

// deadWithID goes through the dead letters, which are bounded, and opens
// those that are whole; ids of refused frames are not indexed, because they
// are not proved.
func deadWithID(ctx context.Context, r *queue.Reader, id string) ([]queue.DeadLetter, error) {
	var found []queue.DeadLetter
	err := eachDead(ctx, r, queue.DeadFilter{}, func(d queue.DeadLetter) error {
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

// eachDead calls use for every dead letter of a filter without its frame, page by
// page, the oldest first.
func eachDead(ctx context.Context, r *queue.Reader, f queue.DeadFilter, use func(queue.DeadLetter) error) error {
	f.Limit = page
	for {
		letters, err := r.DeadLetters(ctx, f)
		if err != nil || len(letters) == 0 {
			return err
		}
		for _, d := range letters {
			f.After = d.ID
			if err := use(d); err != nil {
				return err
			}
		}
	}
}
