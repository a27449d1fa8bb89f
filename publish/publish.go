// Package publish tells hosts what their views say whenever that has changed
// (DESIGN.md section 11).
//
// A publication is for one host: it goes out under the topic <view>.<digest>,
// sealed by the listener for that host (aud) and encrypted to its CFEngine key,
// whomever the view is for. So whoever reaches the port learns that a host is told
// something, and how long it is, and nothing else. A view for: trusted is the same
// for many, and is asked for once; but in the clear it would be for everybody.
//
// Only what somebody subscribes to, by the whole topic, is asked for at all. Who
// subscribes is told at once what the view says, whenever that has changed: so
// nothing need be remembered of changes while nobody ran or listened.
//
// One goroutine does the work, and rests between two answers: however many hosts
// a change is for, it takes a quarter of one processor and one reader of the truth,
// of which each view that has something to do gets the same time.
// What comes meanwhile waits as one entry for each view and host, or for each view
// where all its hosts are concerned; what a host is told is of the moment at which
// it has its turn, so the newest wins.
package publish

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/view"
)

// Options are a Publisher's. All but Now and Log are required.
type Options struct {
	Views  *view.Set
	Open   func(context.Context) (*sqlite.Conn, error) // opens the truth for reading
	State  string                                      // the listener's folder, which is there
	Limits message.Limits                              // of a publication's container: those of the listeners that take it
	Keys   func(hostkey.Digest) (*hostkey.PublicKey, bool)
	// Generation is another number once Keys may know other keys; it is asked for
	// between two answers, and each second.
	Generation func() uint64
	Seal       func(c message.Container, aud hostkey.Digest) ([]byte, error)
	Now        func() time.Time // time.Now when nil
	Log        *slog.Logger     // slog.Default when nil
}

// Send hands a publication to those who subscribe to its topic now.
type Send func(ctx context.Context, topic string, payload []byte) error

const (
	// returning is how long after its start a Publisher takes those who subscribe for
	// old ones who come again: to them goes only what has changed since they were
	// told before the start. ZeroMQ's subscribers come back within 10 s
	// (facts/zeromq.md 4.3).
	returning = time.Minute
	// strangers bounds the topics that are remembered although nobody trusted may
	// have them now: of hosts to be trusted later, of views to come, or invented.
	strangers = 100_000
	// lookAgain is how often to look whether others are trusted while nothing changes.
	lookAgain = time.Second
	// tellAgain is how long a view's trouble is told once.
	tellAgain = time.Hour
)

// Publisher publishes views. Its methods may be called from any goroutine, and
// those before Close do not wait.
type Publisher struct {
	options Options
	memory  *memory
	began   time.Time
	woken   chan struct{} // holds one: there is something to do

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	closing  sync.Once
	closeErr error

	mu       sync.Mutex
	wanted   map[string]map[hostkey.Digest]bool // by view, who subscribes; true for strangers
	strange  int                                // how many of them
	views    *view.Set
	editions []*edition // in any order
	idle     bool       // nothing is to be done, nor under way

	// Of the goroutine.
	runner *view.Runner
	asked  *view.Set // that runner answers
	told   map[string]time.Time
	looked uint64 // the generation of keys that was seen last
}

// New opens what is remembered of earlier publications. Nothing is published
// before Start.
func New(o Options) (*Publisher, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	m, err := openMemory(o.State, o.Now())
	if err != nil {
		return nil, err
	}
	p := &Publisher{
		options: o, memory: m, began: o.Now(), woken: make(chan struct{}, 1),
		wanted: map[string]map[hostkey.Digest]bool{}, told: map[string]time.Time{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.SetViews(o.Views)
	return p, nil
}

// Start begins to publish. It is called once.
func (p *Publisher) Start(send Send) { p.running.Go(func() { p.run(send) }) }

// Close ends after the publication under way, and closes what New opened. Further
// calls return what the first one did.
func (p *Publisher) Close() error {
	p.closing.Do(func() {
		p.cancel()
		p.running.Wait()
		if p.runner != nil {
			p.closeErr = p.runner.Close()
		}
		p.closeErr = errors.Join(p.closeErr, p.memory.close())
	})
	return p.closeErr
}

// SetViews takes over other views: all who subscribe are told where the answer is
// another by them.
func (p *Publisher) SetViews(set *view.Set) {
	p.mu.Lock()
	defer p.mu.Unlock()
	were := p.editions
	p.views, p.editions = set, nil
	for _, name := range set.Names() {
		v, _ := set.Find(name)
		if !v.Published() {
			continue
		}
		e := &edition{view: v, all: true, due: map[hostkey.Digest]reason{}, missed: map[hostkey.Digest]reason{}}
		if i := slices.IndexFunc(were, func(was *edition) bool { return was.view.Name == name }); i >= 0 {
			e.due, e.order, e.missed = were[i].due, were[i].order, were[i].missed
		}
		p.editions = append(p.editions, e)
	}
	p.wake()
}

// Changed tells that the truth of a schema changed: what it says of a host, or ""
// where it is of no host alone. A view that tells each host about itself is taken to
// be changed for that host alone then.
func (p *Publisher) Changed(schema string, host hostkey.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range p.views.Affected(schema) {
		e := p.edition(name)
		if e == nil {
			continue
		}
		e.answer = nil
		e.changes++
		if host == "" || !e.view.PerHost() {
			e.all = true
		} else if _, wants := p.wanted[name][host]; wants {
			e.add(host, changed)
		}
		p.wake()
	}
}

// edition is that of a published view, nil for others.
func (p *Publisher) edition(name string) *edition {
	for _, e := range p.editions {
		if e.view.Name == name {
			return e
		}
	}
	return nil
}

func (p *Publisher) wake() {
	p.idle = false
	select {
	case p.woken <- struct{}{}:
	default: // there is one, and not yet seen
	}
}
