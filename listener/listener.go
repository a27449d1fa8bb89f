// Package listener is the way of a message through cf-messaged: it opens what
// arrives, decides whether the sender may say it, checks it against its
// schema, has it put on disk and only then answers with a receipt.
//
// A Listener knows no sockets: it takes frames and answers through a function,
// so every pattern goes through the same gate (DESIGN.md section 10).
package listener

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// Incoming is one frame as a socket received it.
type Incoming struct {
	Pattern string // the pattern of the listener that received it
	Peer    string // the address of the peer, for people only: it proves nothing
	Frame   []byte // an envelope, a bare container, or rubbish; must not be changed any more
	Fault   string // why the framing itself is wrong; empty when it is right

	// Answer takes the receipt, and must not wait. It is called once, from any
	// goroutine, with nil should no receipt have come about, and where the
	// pattern has none, which is Silent.
	Answer func(receipt []byte)
	Silent bool

	// Proved says that the peer knows by its connection (CURVE) who answers it:
	// receipts travel bare then (DESIGN.md section 6), unless what they answer
	// came encrypted.
	Proved bool
	// May is what this connection may say beyond what feeds let its sender say:
	// asked once the feed has let the message in, before its content is checked.
	// An error refuses it, as a *message.Refusal by its code. nil for anything.
	May func(message.Opened) error
}

// Rules are what may change while the listener runs: feeds and schemas are
// replaced as one by SetRules, and keys follow their folder by themselves.
type Rules struct {
	Feeds   map[string]Feed
	Schemas *schemas.Registry
}

// Options are what a Listener needs from its program.
type Options struct {
	Pair    *hostkey.Pair    // the listener's own CFEngine key: it vouches for the key that seals receipts
	Trust   *hostkey.Trust   // whose envelopes are opened
	Pending *hostkey.Pending // keeps the keys of hosts that ask to be trusted; nil for none
	Queue   *queue.Queue
	Rules   Rules
	Limits  message.Limits      // message.DefaultLimits where zero
	Rates   Rates               // what one sender and one address may cost
	Disk    Disk                // what has to be free for anything to be stored
	Skew    time.Duration       // how far a sender's clock may be ahead; message.DefaultSkew where zero
	Room    int                 // frames that may wait for a worker; see Submit
	Reply   Reply               // what receipts of feeds that reply carry; nil for nothing
	Stored  func(schema string) // told of each message once it is on disk; must not wait; nil for nobody
	Now     func() time.Time    // time.Now when nil
	Log     *slog.Logger        // slog.Default when nil
}

func (o Options) withDefaults() Options {
	if o.Limits.Size == 0 {
		o.Limits.Size = message.DefaultLimits.Size
	}
	if o.Limits.Depth == 0 {
		o.Limits.Depth = message.DefaultLimits.Depth
	}
	if o.Stored == nil {
		o.Stored = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Listener judges and stores messages. Its methods may be called from any
// goroutine.
type Listener struct {
	pair      *hostkey.Pair
	trust     *hostkey.Trust
	pending   *hostkey.Pending
	enrolling *rate.Limiter
	queue     *queue.Queue
	limits    message.Limits
	senders   *meter // what each that is proved may still say; nil for no limit
	addresses *meter // what each may still cost without proof; nil for no limit
	room      room
	opener    *message.Opener
	stored    func(schema string)
	reply     Reply
	now       func() time.Time
	journal   *journal

	rules     atomic.Pointer[Rules]
	voice     atomic.Pointer[voice]
	renewing  sync.Mutex // held while voice is made
	in        chan Incoming
	workers   sync.WaitGroup
	owed      sync.WaitGroup // answers that wait for a commit
	counts    Counts
	strangers share
}

// New starts the workers of a listener, one for each processor; Close ends
// them. An error means that the key that seals receipts could not be made.
func New(o Options) (*Listener, error) {
	o = o.withDefaults()
	l := &Listener{
		pair: o.Pair, trust: o.Trust, pending: o.Pending, enrolling: newEnrolling(), queue: o.Queue, limits: o.Limits, now: o.Now,
		senders: newMeter(o.Rates.Sender), addresses: newMeter(o.Rates.Address), room: room{disk: o.Disk, now: o.Now, log: o.Log}, stored: o.Stored, reply: o.Reply,
		opener:  &message.Opener{Keys: o.Trust.Lookup, Self: o.Pair.Digest(), Pair: o.Pair, Now: o.Now, Skew: o.Skew, Limits: o.Limits},
		journal: newJournal(o.Log, o.Now), in: make(chan Incoming, o.Room), counts: newCounts(),
	}
	l.rules.Store(&o.Rules)
	if _, err := l.speak(l.now()); err != nil {
		return nil, err
	}
	for range runtime.GOMAXPROCS(0) {
		l.workers.Go(l.work)
	}
	return l, nil
}

// Submit hands a frame to the workers and never blocks. Sockets bound what is
// under way, and Room is the sum of their bounds; should there be no room all
// the same, the sender is told to come again.
func (l *Listener) Submit(in Incoming) {
	select {
	case l.in <- in:
	default:
		l.busy(in, message.Opened{}, queue.ErrFull)
	}
}

// SetRules replaces feeds and schemas. Messages that are being judged are
// judged by the old rules.
func (l *Listener) SetRules(r Rules) { l.rules.Store(&r) }

// Reload is SetRules, and reads the trusted keys anew; the error is of the keys,
// and leaves the new rules in force.
func (l *Listener) Reload(r Rules) error {
	l.SetRules(r)
	return l.trust.Reload()
}

// Counts gives the counters since the start.
func (l *Listener) Counts() *Counts { return &l.counts }

// Close judges what was submitted and waits until every answer was handed
// over, or until ctx ends, which is an error. It is called once, and Submit
// no more. The queue stays open: it is its owner's.
func (l *Listener) Close(ctx context.Context) error {
	close(l.in)
	done := make(chan struct{})
	go func() {
		l.workers.Wait()
		l.owed.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("some messages are not answered yet, their nodes will send them again: %w", context.Cause(ctx))
	}
}

func (l *Listener) work() {
	for in := range l.in {
		l.handle(in)
	}
}

func (in Incoming) answer(receipt []byte) {
	if in.Answer != nil {
		in.Answer(receipt)
	}
}
