package handler

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Runner leads the messages of a schema from the queue to a handler. Its methods
// may be called from any goroutine.
type Runner struct {
	handler  Handler
	options  Options
	progress *progress
	troubles int // failures in a row that are no message's

	woken    chan struct{} // holds one: look into the queue
	reopen   chan struct{} // holds one: let the handler reopen
	stop     chan struct{} // closed: begin nothing more
	stopOnce sync.Once
	ctx      context.Context // ends what is under way
	cancel   context.CancelFunc
	ended    chan struct{} // closed when the goroutine has ended
	err      error         // what Close returns; set before ended

	mu     sync.Mutex
	status Status
}

// Status is what a Runner does. Its Cursor may be ahead of the one on disk, and
// has passed over messages of other schemas.
type Status struct {
	Cursor
	Handled uint64    // messages, since Start
	Failed  uint64    // tries in vain, since Start
	Buried  uint64    // messages given up, since Start
	Trouble string    // what holds it up and is no message's fault, such as a full disk; "" when nothing does
	NextTry time.Time // when it goes on after a failure; zero when it need not wait
}

// Start starts a Runner where its cursor says, after what is left of a back-off; a
// new one starts at the end of the queue as it is now, which is 0 when it is empty. Two Runners must not have both
// schema and handler's name in common: they would share a cursor.
//
// The error names a cursor that is damaged or belongs to another queue, and the
// way out. After an error the handler is not closed.
func Start(h Handler, o Options) (*Runner, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	p, err := openProgress(h, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Runner{
		handler: h, options: o, progress: p,
		woken: make(chan struct{}, 1), reopen: make(chan struct{}, 1), stop: make(chan struct{}),
		ctx: ctx, cancel: cancel, ended: make(chan struct{}),
		status: Status{Cursor: p.Cursor},
	}
	go r.run()
	return r, nil
}

// Wake makes the Runner look into the queue. It returns at once; to be called
// after a commit that stored a message of the Runner's schema. Many calls make
// few looks: one each 10 ms at most.
func (r *Runner) Wake() { signal(r.woken) }

// Reopen makes the handler let go of files that may have been moved, once the
// message under way is done. It also ends a back-off: whoever has mended
// something need not wait. It returns at once.
func (r *Runner) Reopen() { signal(r.reopen) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one, and not yet seen
	}
}

// Status returns what the Runner does now.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Close begins no further message, waits for the one under way, saves the cursor
// and closes the handler. When ctx ends before, the message under way is cut off:
// its handler is told, and what it then still needs, as Exec's grace, is waited
// for. That is no failed try: the message is handled again at the next start, and
// the error says so. Further calls return what the first one did.
func (r *Runner) Close(ctx context.Context) error {
	r.stopOnce.Do(func() { close(r.stop) })
	select {
	case <-r.ended:
	case <-ctx.Done():
		r.cancel()
		<-r.ended
	}
	return r.err
}

// cutOff is the error of a message that Close did not wait for.
func cutOff(position int64, handler string) error {
	return fmt.Errorf("handler: %s was stopped while it handled the message at position %d, and handles it again at the next start", handler, position)
}
