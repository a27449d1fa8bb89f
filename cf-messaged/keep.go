package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/truth"
)

// maxAge bounds what wants and keep may say.
const maxAge = 10 * 366 * 24 * time.Hour

// parseAge reads an age: Go's durations, and days.
func parseAge(text string) (time.Duration, bool) {
	age, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		age = time.Duration(min(n, 10_000)) * 24 * time.Hour
	}
	return age, err == nil && age >= 0 && age <= maxAge
}

// checkKeep tells what is wrong with the keep of all feeds.
func (c *Config) checkKeep() error {
	var faults []error
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		text := c.Feeds[schema].Keep
		if age, ok := parseAge(text); text != "" && (!ok || age < time.Second) {
			faults = append(faults, fmt.Errorf("feeds.%s.keep: expected an age such as 90d or 36h, found %q; leave it out to keep everything", schema, text))
		}
	}
	return errors.Join(faults...)
}

// kept are the schemas that are not kept for ever, and for how long they are.
func (c *Config) kept() map[string]time.Duration {
	all := map[string]time.Duration{}
	for schema, feed := range c.Feeds {
		if age, _ := parseAge(feed.Keep); feed.Keep != "" {
			all[schema] = age
		}
	}
	return all
}

// keeper lets leave what the feeds do not keep any longer, in a goroutine of its
// own. Another configuration is another keeper's.
type keeper struct {
	state    string
	rules    map[string]time.Duration
	pause    time.Duration // between two passes
	queue    *queue.Queue
	truth    *truth.Truth
	handlers *handlers
	log      *slog.Logger

	cancel context.CancelFunc
	ended  chan struct{}
}

// startKeeper takes what to keep from c, and all else from what runs.
func (s *service) startKeeper(c Config) *keeper {
	ctx, cancel := context.WithCancel(context.Background())
	age, _ := s.config.deadLetterAge() // check has seen it
	k := &keeper{state: s.config.State, rules: c.kept(), pause: every(c.kept(), age), queue: s.queue, truth: s.truth, handlers: s.handlers, log: s.log,
		cancel: cancel, ended: make(chan struct{})}
	go k.run(ctx)
	return k
}

// close ends the pass under way between two of its steps.
func (k *keeper) close() {
	if k == nil {
		return
	}
	k.cancel()
	<-k.ended
}

// run makes a pass over all schemas again and again; also where feeds keep all, for
// dead letters are never kept for ever.
func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	tick := time.NewTicker(k.pause)
	defer tick.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := k.pass(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			k.log.Error("what feeds do not keep stays for now, and is tried again", "error", err)
		}
		failed = err != nil
	}
}

// every is how often a pass is made: by the shortest keep, or how long dead letters
// are, so that nothing stays much longer than it says, and each hour at least.
func every(rules map[string]time.Duration, deadLetters time.Duration) time.Duration {
	shortest := min(20*time.Hour, deadLetters)
	for _, age := range rules {
		shortest = min(shortest, age)
	}
	return shortest / 20
}

func (k *keeper) pass(ctx context.Context) error {
	var problems []error
	for _, schema := range slices.Sorted(maps.Keys(k.rules)) {
		problems = append(problems, k.prune(ctx, schema))
	}
	// Ids that left are forgotten in the end, also where nothing more leaves, and dead
	// letters grow old.
	return errors.Join(append(problems, k.queue.Prune(ctx, queue.Pruning{}))...)
}

func (k *keeper) prune(ctx context.Context, schema string) error {
	until, err := k.handled(schema)
	if err != nil {
		return err
	}
	removed, err := k.truth.Prune(ctx, truth.Pruning{
		Schema: schema, Before: time.Now().Add(-k.rules[schema]), Until: until, Remove: k.queue.Prune,
	})
	if removed > 0 {
		k.log.Info("messages left the queue, as their feed says by keep", "schema", schema, "messages", removed)
	}
	return err
}

// handled is up to where all handlers of a schema have come, by what is on disk.
func (k *keeper) handled(schema string) (int64, error) {
	until := int64(math.MaxInt64)
	if len(k.handlers.runners[schema]) == 0 {
		return until, nil
	}
	cursors, err := handler.ReadCursors(k.state)
	if err != nil {
		return 0, err
	}
	for _, r := range k.handlers.runners[schema] {
		name := r.Status().Name
		i := slices.IndexFunc(cursors, func(c handler.Cursor) bool { return c.Schema == schema && c.Name == name })
		if i < 0 {
			return 0, fmt.Errorf("the cursor of %s for %s is gone: it comes back with the next message handled", name, schema)
		}
		until = min(until, cursors[i].Position)
	}
	return until, nil
}
