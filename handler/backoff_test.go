package handler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// The waits double from 1 s to 5 min; then the message is a dead letter, with
// frame and reason, and the next one has its turn.
func TestRunnerBacksOffAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		var tried []time.Time
		h := &recorder{handle: func(_ context.Context, m queue.Message) error {
			if m.MessageID != "bad" {
				return nil
			}
			tried = append(tried, time.Now())
			return fmt.Errorf("no luck %d", len(tried))
		}}
		o := options(t, q, state)
		o.Tries, o.Jitter = 12, func(d time.Duration) time.Duration { return d }
		var log logged
		o.Log = log.logger()
		r := mustStart(t, h, o)
		last := putIDs(t, q, "a", "bad", "b")
		r.Wake()
		for r.Status().Position < last {
			pass(time.Minute)
		}
		var waits []string
		for i, at := range tried[1:] {
			waits = append(waits, at.Sub(tried[i]).Round(100*time.Millisecond).String())
		}
		if got := strings.Join(waits, " "); got != "1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s 5m0s 5m0s" {
			t.Errorf("waited %s", got)
		}
		if s := r.Status(); s.Buried != 1 || s.Handled != 2 || s.Failed != 12 || s.Tries != 0 || s.LastError != "" {
			t.Errorf("%+v", s)
		}
		checkDeadLetter(t, o.Reader, "recorder gave up message bad at position 2 after 12 tries: no luck 12")
		if !strings.Contains(log.String(), `level=ERROR msg="handler gave a message up, it is a dead letter now"`) {
			t.Error(log.String())
		}
		mustClose(t, r)
	})
}

// pass lets time go by, in a bubble, until everybody waits for more of it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func checkDeadLetter(t *testing.T, r *queue.Reader, reason string) {
	t.Helper()
	letters, err := r.DeadLetters(t.Context(), queue.DeadFilter{Code: Code})
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d dead letters, %v", len(letters), err)
	}
	d, err := r.DeadLetter(t.Context(), letters[0].ID)
	want := stored("bad")
	if err != nil || d.Reason != reason || string(d.Frame) != string(want.Frame) || d.Sender != want.Sender ||
		d.Peer != want.Peer || d.Pattern != want.Pattern || !d.ReceivedAt.Equal(want.ReceivedAt) {
		t.Errorf("%+v, %v", d, err)
	}
}

// Jitter stays between half and all of the wait.
func TestJitter(t *testing.T) {
	o := Options{}.withDefaults()
	for range 1000 {
		if d := o.backoff(3); d < 2*time.Second || d > 4*time.Second {
			t.Fatal(d)
		}
	}
	if d := o.backoff(1 << 30); d > 5*time.Minute {
		t.Fatal(d)
	}
}

// What no further try can mend is given up at once.
func TestRunnerGivesUpThePermanent(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	h := &recorder{handle: func(_ context.Context, m queue.Message) error {
		if m.MessageID == "bad" {
			return fmt.Errorf("around: %w", Permanent(errors.New("not a container")))
		}
		return nil
	}}
	o := options(t, q, state)
	r := mustStart(t, h, o)
	last := putIDs(t, q, "bad", "a")
	r.Wake()
	untilPosition(t, r, last)
	if h.ids() != "bad a" {
		t.Errorf("handled %s", h.ids())
	}
	checkDeadLetter(t, o.Reader, "recorder gave up message bad at position 1 after 1 tries: around: not a container")
}

// Tries are counted across restarts, which make no wait shorter, and can be read
// from outside meanwhile.
func TestRunnerRemembersTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		h := &recorder{handle: func(context.Context, queue.Message) error { return errors.New("no\nluck\x1b[2J") }}
		o := options(t, q, state)
		o.Tries, o.Jitter = 3, func(d time.Duration) time.Duration { return d }
		putIDs(t, q, "before")
		mustClose(t, mustStart(t, h, o))
		putIDs(t, q, "bad")
		for tries := 1; tries <= 2; tries++ {
			for range 5 { // waits before the second try are 1 s together
				r := mustStart(t, h, o)
				pass(190 * time.Millisecond)
				mustClose(t, r)
			}
			cursors, err := ReadCursors(state)
			if err != nil || len(cursors) != 1 {
				t.Fatal(cursors, err)
			}
			c := cursors[0]
			if c.Name != "recorder" || c.Schema != "host" || c.Tries != tries || c.LastError != "no luck [2J" {
				t.Errorf("%+v", c)
			}
			if got := fmt.Sprint([]State{c.State(1), c.State(2), c.State(3)}); got != "[earlier failing waiting]" {
				t.Error(got)
			}
		}
		r := mustStart(t, h, o)
		r.Reopen() // somebody has mended it
		pass(20 * time.Millisecond)
		if s := r.Status(); s.Buried != 1 || s.State(2) != Done {
			t.Errorf("%+v", s)
		}
		mustClose(t, r)
	})
}

// A dead letter that cannot be kept holds the handler up, for otherwise the
// message would be nowhere; the handler is not tried meanwhile.
func TestRunnerKeepsWhatCannotBeBuried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		h := &recorder{handle: func(context.Context, queue.Message) error { return errors.New("no luck") }}
		o := options(t, q, state)
		var full atomic.Bool
		full.Store(true)
		o.Tries, o.Bury = 2, func(d queue.DeadLetter) error {
			if full.Load() {
				return queue.ErrFull
			}
			return BuryIn(q)(d)
		}
		r := mustStart(t, h, o)
		putIDs(t, q, "bad")
		r.Wake()
		pass(time.Hour)
		if s := r.Status(); s.Position != 0 || !strings.Contains(s.Trouble, queue.ErrFull.Error()) || s.NextTry.IsZero() || h.ids() != "bad bad" {
			t.Errorf("%+v, handled %s", s, h.ids())
		}
		full.Store(false)
		pass(time.Hour)
		if s := r.Status(); s.Position != 1 || s.Trouble != "" || s.Buried != 1 || h.ids() != "bad bad" {
			t.Errorf("%+v, handled %s", s, h.ids())
		}
		mustClose(t, r)
	})
}

// Where a Flush fails, everything since the last good one is handled again.
func TestRunnerGoesBackWhereFlushFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		h := &recorder{}
		var failing atomic.Bool
		flush := func() error {
			if failing.Load() {
				return errors.New("disk gone")
			}
			return nil
		}
		o := options(t, q, state)
		o.Jitter = func(d time.Duration) time.Duration { return d }
		r := mustStart(t, batches{h, flush}, o)
		putIDs(t, q, "a")
		r.Wake()
		pass(2 * time.Second)
		failing.Store(true)
		last := putIDs(t, q, "b", "c")
		r.Wake()
		pass(1200 * time.Millisecond)
		if s := r.Status(); s.Position != 1 || s.Trouble != "disk gone" || h.ids() != "a b b" {
			t.Errorf("%+v, handled %s", s, h.ids())
		}
		failing.Store(false)
		pass(time.Minute)
		if s := r.Status(); s.Position != last || s.Trouble != "" || h.ids() != "a b b b c" {
			t.Errorf("%+v, handled %s", s, h.ids())
		}
		mustClose(t, r)
	})
}
