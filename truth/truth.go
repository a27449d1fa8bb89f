// Package truth keeps what is true now, by the messages in the queue: for each
// schema and entity the newest content, with its message, sender, schema version
// and times; what it was before; and how often each sender was heard (DESIGN.md
// sections 8, 10 and 11). It is one SQLite file, truth.db, in the listener's
// state folder, and can be deleted: it is made of the queue alone. What was true before
// is read in the queue, by the order that the truth keeps.
//
// A Truth writes. One goroutine, the projector, reads the queue from where it
// stopped and writes what it read together with the position it has come to, in
// one transaction; so each message is applied exactly once, whatever is killed
// when. A Reader reads, in the same process or another.
//
// Which of two messages about one entity is the newer:
//   - where the entity is the sender, by the envelope's iat and then its seq;
//   - where it is named by properties, so that several senders may speak of it,
//     by iat and then by the time received, for their counters have nothing to
//     do with each other;
//   - an unsigned message has neither; the time it was received stands for iat.
//
// The last resort is the position in the queue. So what is true does not depend
// on the order in which messages come.
package truth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// Options are a Truth's. Schemas is required; the zero value of each other means
// its default.
type Options struct {
	Schemas  *schemas.Registry
	Log      *slog.Logger  // held up, going on, messages passed over; none
	Poll     time.Duration // how often the queue is looked into without Wake; 1 min
	Backoff  time.Duration // after a failure; 1 s
	Patience time.Duration // of Rebuild, for a listener to take over what it made; 5 min
	Batch    int           // messages in one transaction at most; 100000

	// Changed is told after each transaction what is known otherwise than before;
	// what was only said again is no change. WaitFor returns after it. It must not
	// wait; nil for nobody.
	Changed func([]Change)
}

// Change is an entity of which something else is known than before.
type Change struct {
	Schema, Entity string
	Sender         bool // the entity is the sender
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poll <= 0 {
		o.Poll = time.Minute
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Minute
	}
	if o.Batch <= 0 {
		o.Batch = 100_000
	}
	if o.Changed == nil {
		o.Changed = func([]Change) {}
	}
	return o
}

// ErrClosed means that Close was called.
var ErrClosed = errors.New("truth: closed")

// Truth is the one writer. Its methods may be called from any goroutine.
type Truth struct {
	options Options
	folder  string
	lock    *os.File
	queue   *queue.Reader

	writing sync.Mutex // held while writer is used
	writer  *writer

	lookedAt time.Time  // for what a rebuild made; the projector's alone
	ahead    chan *page // of what is read ahead; nil for nothing. The projector's alone

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	woken   chan struct{} // holds one: look into the queue
	hurried chan struct{} // holds one: somebody waits
	ended   chan struct{} // closed when the projector has ended

	mu     sync.Mutex
	status Status
	moved  chan struct{} // closed, and made anew, when the position changes

	closing  sync.Once
	closeErr error
}

// Status is what a Truth does.
type Status struct {
	Position int64  // up to where the queue is applied
	Skipped  int64  // messages passed over, ever, because their schema is gone or they cannot be read
	Trouble  string // what holds it up, such as a full disk; "" when nothing does
}

// Open opens the truth in a listener's state folder, made where it is missing,
// and starts to bring it up to date. The folder has a queue already. The error
// names a file that is damaged or belongs to another queue, and the way out.
func Open(folder string, o Options) (*Truth, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	lock, err := lockForListener(folder)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	t, err := open(folder, file, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("truth: %w", err), lock.Close())
	}
	t.lock = lock
	go t.run()
	return t, nil
}

// SetSchemas makes the views anew for what reg holds; messages from now on are
// read by its schemas. After an error the old ones stay.
func (t *Truth) SetSchemas(reg *schemas.Registry) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := t.writer.setSchemas(reg); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	return nil
}

// Wake makes the projector look into the queue. It returns at once; to be called
// after a commit. Many calls make few looks.
func (t *Truth) Wake() {
	select {
	case t.woken <- struct{}{}:
	default: // there is one, and not yet seen
	}
}

// WaitFor returns nil once the message at position has been applied, or passed
// over; else why it waits no longer: ctx's error or ErrClosed.
func (t *Truth) WaitFor(ctx context.Context, position int64) error {
	for {
		t.mu.Lock()
		now, moved := t.status.Position, t.moved
		t.mu.Unlock()
		if now >= position {
			return nil
		}
		t.hurry()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.ended:
			return ErrClosed
		}
	}
}

func (t *Truth) hurry() {
	select {
	case t.hurried <- struct{}{}:
	default:
	}
}

// Status returns what it does now.
func (t *Truth) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// Close ends the projector after the transaction under way and closes the file.
// What it has not applied yet it applies after the next Open. Further calls
// return what the first one did.
func (t *Truth) Close() error {
	t.closing.Do(func() {
		t.cancel()
		<-t.ended
		if err := errors.Join(t.release(), t.lock.Close()); err != nil {
			t.closeErr = fmt.Errorf("truth: closing: %w", err)
		}
	})
	return t.closeErr
}

func (t *Truth) release() error {
	t.cancel() // what reads ahead
	if t.ahead != nil {
		<-t.ahead
	}
	return errors.Join(t.writer.conn.Close(), t.queue.Close())
}
