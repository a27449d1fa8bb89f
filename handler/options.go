package handler

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// Options are a Runner's. The first four are required; the zero value of each
// other means its default.
type Options struct {
	State  string        // the listener's state folder; the cursors lie in handlers/ in it
	Reader *queue.Reader // of the queue in State; may be shared, then reads take turns; the caller closes it after the Runner
	Schema string        // whose messages are handled
	Bury   func(queue.DeadLetter) error
	// Bury keeps a dead letter and returns nil once it is on disk: BuryIn.

	Tries      int           // in vain, until a message becomes a dead letter; 10
	Backoff    time.Duration // before the second try, doubled for each further one; 1 s
	MaxBackoff time.Duration // 5 min
	Lag        time.Duration // how far a Batcher's cursor may lag behind; 1 s
	Poll       time.Duration // how often it looks into the queue without Wake; 1 min

	Now    func() time.Time                  // time.Now
	Jitter func(time.Duration) time.Duration // what it waits for a back-off: at random between half and all of it
	Log    *slog.Logger                      // failing, dead letter, going on; none
}

func (o Options) check() error {
	if o.State == "" || o.Reader == nil || o.Schema == "" || o.Bury == nil {
		return errors.New("handler: State, Reader, Schema and Bury are required")
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.Tries = orDefault(o.Tries, 10)
	o.Backoff = orDefault(o.Backoff, time.Second)
	o.MaxBackoff = orDefault(o.MaxBackoff, 5*time.Minute)
	o.Lag = orDefault(o.Lag, time.Second)
	o.Poll = orDefault(o.Poll, time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = func(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func orDefault[N int | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// backoff is how long to wait after so many failures in a row.
func (o Options) backoff(failures int) time.Duration {
	d := o.Backoff
	for ; failures > 1 && d < o.MaxBackoff; failures-- {
		d *= 2
	}
	return o.Jitter(min(d, o.MaxBackoff))
}

// Code is that of the dead letters of messages that were stored and receipted,
// and that a handler gave up.
const Code = "handler"

// BuryIn makes Options.Bury for a queue.
func BuryIn(q *queue.Queue) func(queue.DeadLetter) error {
	return func(d queue.DeadLetter) error {
		buried := make(chan error, 1)
		if err := q.Bury(d, func(err error) { buried <- err }); err != nil {
			return err
		}
		return <-buried
	}
}

// deadLetter keeps all that was known of a message; its reason names handler and
// last error.
func deadLetter(m queue.Message, handler string, tries int, err string) queue.DeadLetter {
	return queue.DeadLetter{
		ReceivedAt: m.ReceivedAt, Pattern: m.Pattern, Peer: m.Peer, Sender: m.Sender, Frame: m.Frame, Code: Code,
		Reason: fmt.Sprintf("%s gave up message %s at position %d after %d tries: %s", handler, m.MessageID, m.Position, tries, err),
	}
}
