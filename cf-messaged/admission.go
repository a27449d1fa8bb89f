package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
)

const (
	// askEvery bounds how old an answer may be of a view that does not say what
	// changes it (publish_on).
	askEvery = time.Minute
	// askRest is between two answers at least, whatever changes meanwhile.
	askRest = time.Second
)

// atTheGate bounds the answers of views that say who may send.
var atTheGate = view.Limits{Rows: 100_000, Bytes: 16 << 20, Time: 10 * time.Second, Readers: 1}

// admission keeps the listener's rules in step with the views that feeds name
// in from. Views are asked in the background, never on the way of a message: a
// feed lets in whom its view yielded last, and nobody before the first answer.
type admission struct {
	state string
	log   *slog.Logger

	mu       sync.Mutex // one at a time asks, and gives out rules
	config   Config
	registry *schemas.Registry
	views    *view.Runner
	known    senders
	told     map[string]string // what the log says last of a view

	watched atomic.Pointer[map[string]bool] // schemas whose change may change who may send
	woken   chan struct{}                   // holds one: such a schema has changed
	stop    context.CancelFunc              // nil before start
	ended   chan struct{}
}

func newAdmission(state string, self hostkey.Digest, log *slog.Logger) *admission {
	a := &admission{state: state, log: log, known: senders{self: self}, woken: make(chan struct{}, 1)}
	a.watched.Store(&map[string]bool{})
	return a
}

// follow takes over a configuration that holds, with its views and schemas, asks
// the views that say who may send and has use take the rules that come of it.
func (a *admission) follow(c Config, set *view.Set, registry *schemas.Registry, use func(listener.Rules)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.views != nil {
		if err := a.views.Close(); err != nil {
			a.log.Error("views of who may send", "error", err)
		}
	}
	open := func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, a.state) }
	a.config, a.registry, a.views = c, registry, view.NewRunner(set, view.Options{Open: open, Limits: atTheGate})
	was, watched := a.known.views, map[string]bool{}
	a.known.views, a.told = map[string][]hostkey.Digest{}, map[string]string{}
	for _, name := range c.senderViews() {
		a.known.views[name] = was[name]
		v, _ := set.Find(name)
		for _, schema := range v.PublishOn {
			watched[schema] = true
		}
	}
	a.watched.Store(&watched)
	a.ask(context.Background())
	use(a.rules())
}

// rules are those of the configuration with what views yield now.
func (a *admission) rules() listener.Rules {
	feeds, _ := a.config.feeds(a.known) // it held when it was loaded
	return listener.Rules{Feeds: feeds, Schemas: a.registry}
}

// start begins to follow the truth; use takes other rules.
func (a *admission) start(use func(listener.Rules)) {
	ctx, cancel := context.WithCancel(context.Background())
	a.stop, a.ended = cancel, make(chan struct{})
	go func() {
		defer close(a.ended)
		for ctx.Err() == nil {
			a.await(ctx, askEvery, a.woken)
			a.refresh(ctx, use)
			a.await(ctx, askRest, nil)
		}
	}()
}

// changed is told what is known otherwise than before; it does not wait.
func (a *admission) changed(changes []truth.Change) {
	watched := *a.watched.Load()
	if !slices.ContainsFunc(changes, func(c truth.Change) bool { return watched[c.Schema] }) {
		return
	}
	select {
	case a.woken <- struct{}{}:
	default: // there is one, and not yet seen
	}
}

func (a *admission) await(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
	}
}

// refresh gives out rules where a view yields others than before.
func (a *admission) refresh(ctx context.Context, use func(listener.Rules)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ask(ctx) {
		use(a.rules())
	}
}

// ask asks every view and tells whether one yields others than before. That of
// one that cannot be answered stays.
func (a *admission) ask(ctx context.Context) (changed bool) {
	for name, was := range a.known.views {
		data, err := a.views.RunFor(ctx, name, "", nil)
		if ctx.Err() != nil {
			return false
		}
		digests, others, err := yielded(data, err)
		a.tell(name, others, err)
		if err != nil || slices.Equal(digests, was) {
			continue
		}
		a.known.views[name], changed = digests, true
		a.log.Info("a view yields others who may send", "view", name, "senders", len(digests), "before", len(was))
	}
	return changed
}

// tell says once what is wrong with a view, and that it is no more.
func (a *admission) tell(name string, others int, err error) {
	trouble := ""
	switch {
	case err != nil:
		trouble = err.Error()
	case others > 0:
		trouble = "some of its rows hold no key digest in a column digest: they count for nothing"
	}
	was := a.told[name]
	a.told[name] = trouble
	switch {
	case trouble == was:
	case trouble == "":
		a.log.Info("the view of who may send is right again", "view", name)
	case err != nil:
		a.log.Error("the view of who may send cannot be asked: whom it yielded last may send", "view", name, "error", err)
	default:
		a.log.Warn("the view of who may send: "+trouble, "view", name)
	}
}

func (a *admission) close() error {
	if a == nil {
		return nil
	}
	if a.stop != nil {
		a.stop()
		<-a.ended
	}
	if a.views == nil {
		return nil
	}
	return a.views.Close()
}
