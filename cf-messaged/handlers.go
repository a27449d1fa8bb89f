package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/queue"
)

// Handler is one entry of a feed's handlers: exactly one of File, Exec and
// Forward.
type Handler struct {
	File    string   `yaml:"file"`
	Exec    []string `yaml:"exec"`
	Forward *Forward `yaml:"forward"`

	Timeout string `yaml:"timeout"` // of one exec, as 30s
	Tries   int    `yaml:"tries"`   // until a message becomes a dead letter
}

// Bounds of a handler's settings.
const (
	maxTries       = 1000
	maxExecTimeout = time.Hour
)

// check tells what is wrong with a handler as far as it is written.
func (h Handler) check() error {
	kinds := 0
	for _, given := range []bool{h.File != "", len(h.Exec) > 0, h.Forward != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New(": expected exactly one of file, exec and forward, as - file: /var/log/cf-messages/host.jsonl")
	}
	if h.Tries < 0 || h.Tries > maxTries {
		return fmt.Errorf(".tries: expected 1 to %d, found %d", maxTries, h.Tries)
	}
	if _, err := h.timeout(); err != nil {
		return err
	}
	if h.Forward != nil {
		return h.Forward.check()
	}
	return nil
}

func (h Handler) timeout() (time.Duration, error) {
	if h.Timeout == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(h.Timeout)
	if err != nil || d < time.Second || d > maxExecTimeout || len(h.Exec) == 0 {
		return 0, fmt.Errorf(".timeout: expected 1s to 1h beside exec, found %q", h.Timeout)
	}
	return d, nil
}

// name is the handler's identity: two of one name in a feed would share a
// cursor.
func (h Handler) name() string {
	switch {
	case h.File != "":
		return "file " + h.File
	case h.Forward != nil:
		return "forward " + h.Forward.name()
	}
	return fmt.Sprintf("exec %q", h.Exec)
}

// checkHandlers tells what is wrong with the handlers of all feeds.
func (c *Config) checkHandlers() error {
	var faults []error
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		names := map[string]bool{}
		for i, h := range c.Feeds[schema].Handlers {
			if err := h.check(); err != nil {
				faults = append(faults, fmt.Errorf("feeds.%s.handlers[%d]%w", schema, i, err))
			}
			if names[h.name()] {
				faults = append(faults, fmt.Errorf("feeds.%s.handlers[%d]: the same as one before it", schema, i))
			}
			names[h.name()] = true
		}
	}
	return errors.Join(faults...)
}

// allHandlers are those of each feed that has some.
func (c *Config) allHandlers() map[string][]Handler {
	all := map[string][]Handler{}
	for schema, feed := range c.Feeds {
		if len(feed.Handlers) > 0 {
			all[schema] = feed.Handlers
		}
	}
	return all
}

// handlers are the running ones, by schema.
type handlers struct {
	runners map[string][]*handler.Runner
	readers []*queue.Reader
	relay   *relay
}

// startHandlers starts the handlers of all feeds, before any message comes.
func startHandlers(c Config, q *queue.Queue, r *relay, log *slog.Logger) (*handlers, error) {
	hs := &handlers{runners: map[string][]*handler.Runner{}, relay: r}
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		for i, h := range c.Feeds[schema].Handlers {
			if err := hs.start(c.State, schema, h, q, log); err != nil {
				return hs, fmt.Errorf("feeds.%s.handlers[%d]: %w", schema, i, err)
			}
		}
	}
	return hs, nil
}

// start gives a handler a reader of its own: a slow one holds up no other.
func (hs *handlers) start(state, schema string, h Handler, q *queue.Queue, log *slog.Logger) error {
	does, err := hs.make(h, log.With("schema", schema))
	if err != nil {
		return err
	}
	reader, err := queue.OpenReader(state)
	if err != nil {
		return errors.Join(err, does.Close())
	}
	hs.readers = append(hs.readers, reader)
	runner, err := handler.Start(does, handler.Options{
		State: state, Reader: reader, Schema: schema, Bury: handler.BuryIn(q), Tries: h.Tries, Log: log,
	})
	if err != nil {
		return errors.Join(err, does.Close())
	}
	hs.runners[schema] = append(hs.runners[schema], runner)
	return nil
}

func (hs *handlers) make(h Handler, log *slog.Logger) (handler.Handler, error) {
	switch {
	case h.File != "":
		return handler.NewFile(h.File)
	case h.Forward != nil:
		return hs.relay.forward(*h.Forward)
	}
	limit, err := h.timeout()
	if err != nil {
		return nil, err
	}
	return handler.NewExec(h.Exec, limit, log)
}

// wake tells the handlers of a schema that there is something for them.
func (hs *handlers) wake(schema string) {
	for _, r := range hs.runners[schema] {
		r.Wake()
	}
}

func (hs *handlers) reopen() {
	for _, runners := range hs.runners {
		for _, r := range runners {
			r.Reopen()
		}
	}
}

// close ends all handlers at once, each with what it is at, and then what they
// read from and send through.
func (hs *handlers) close(ctx context.Context) error {
	if hs == nil {
		return nil
	}
	ended, n := make(chan error), 0
	for _, runners := range hs.runners {
		for _, r := range runners {
			n++
			go func() { ended <- r.Close(ctx) }()
		}
	}
	var errs []error
	for range n {
		errs = append(errs, <-ended)
	}
	for _, r := range hs.readers {
		errs = append(errs, r.Close())
	}
	return errors.Join(append(errs, hs.relay.close())...)
}
