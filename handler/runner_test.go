package handler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// A new handler does not repeat what was stored before it; after a restart it
// goes on where it was, with what was stored while it was away.
func TestRunnerBeginsAtTheEndAndGoesOn(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	putIDs(t, q, "old1", "old2")

	h := &recorder{}
	r := mustStart(t, h, options(t, q, state))
	last := putIDs(t, q, "a", "b")
	r.Wake()
	untilPosition(t, r, last)
	mustClose(t, r)

	putIDs(t, q, "c")
	r = mustStart(t, h, options(t, q, state))
	untilPosition(t, r, last+1)
	mustClose(t, r)
	if h.ids() != "a b c" {
		t.Errorf("handled %s", h.ids())
	}
}

// A handler that was started once, while the queue was empty, has a cursor: what
// comes while it is away is not passed over.
func TestRunnerOnAnEmptyQueue(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	h := &recorder{}
	mustClose(t, mustStart(t, h, options(t, q, state)))
	last := putIDs(t, q, "a")
	untilPosition(t, mustStart(t, h, options(t, q, state)), last)
	if h.ids() != "a" {
		t.Errorf("handled %q", h.ids())
	}
}

// A handler sees its own schema only, and its cursor passes over the rest.
func TestRunnerPassesOverOtherSchemas(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	h := &recorder{}
	r := mustStart(t, h, options(t, q, state))
	other := stored("x")
	other.Schema = "domain"
	put(t, q, other, stored("a"))
	other.MessageID = "y"
	last := put(t, q, other)
	r.Wake()
	untilPosition(t, r, last-1)
	mustClose(t, r)
	cursors, err := ReadCursors(state)
	if err != nil || len(cursors) != 1 || cursors[0].Position < last-1 || h.ids() != "a" {
		t.Errorf("cursors %+v, %v; handled %s", cursors, err, h.ids())
	}
}

// Many messages, more than a page, in their order, each once.
func TestRunnerKeepsTheOrder(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	h := &recorder{}
	r := mustStart(t, batches{h, func() error { return nil }}, options(t, q, state))
	var want []string
	for i := range 3*page + 7 {
		want = append(want, fmt.Sprint("m", i))
	}
	last := putIDs(t, q, want...)
	r.Wake()
	untilPosition(t, r, last)
	if h.ids() != strings.Join(want, " ") {
		t.Errorf("handled %s", h.ids())
	}
}

// The cursor of a Batcher is saved once a Lag, that of another Handler each time.
func TestRunnerSavesTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		flushes := 0
		r := mustStart(t, batches{&recorder{}, func() error { flushes++; return nil }}, options(t, q, state))
		each := options(t, q, state)
		each.Schema = "domain"
		e := mustStart(t, &recorder{}, each)
		flushes = 0
		for i := range 100 { // two seconds
			other := stored(fmt.Sprint("o", i))
			other.Schema = "domain"
			put(t, q, stored(fmt.Sprint("m", i)), other)
			r.Wake()
			e.Wake()
			pass(20 * time.Millisecond)
			cursors, err := ReadCursors(state)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cursors {
				if c.Schema == "domain" && c.State(int64(2*i+2)) != Done {
					t.Fatalf("after %d: %+v", i, c)
				}
			}
		}
		pass(2 * time.Second)
		if flushes < 2 || flushes > 4 || r.progress.saved.State(199) != Done {
			t.Errorf("%d flushes, saved %+v", flushes, r.progress.saved)
		}
		mustClose(t, r)
		mustClose(t, e)
	})
}

// Without Wake a message is found within Poll.
func TestRunnerLooksByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		h := &recorder{}
		r := mustStart(t, h, options(t, q, state))
		pass(time.Second)
		putIDs(t, q, "a")
		pass(61 * time.Second)
		if h.ids() != "a" {
			t.Errorf("handled %q", h.ids())
		}
		mustClose(t, r)
	})
}

// Reopen reaches the handler at once when it rests, and ends a back-off.
func TestRunnerReopens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		q := mustOpen(t, state)
		h := &recorder{handle: func(context.Context, queue.Message) error { return errors.New("no luck") }}
		r := mustStart(t, h, options(t, q, state))
		pass(time.Second)
		r.Reopen()
		synctest.Wait()
		if h.reopened != 1 {
			t.Errorf("reopened %d times", h.reopened)
		}
		putIDs(t, q, "a")
		pass(30 * time.Minute)
		before := len(h.seen)
		r.Wake()
		pass(10 * time.Millisecond)
		if len(h.seen) != before {
			t.Error("Wake ended a back-off")
		}
		mustClose(t, r)
	})
}

// One handler that hangs holds up neither the queue nor another handler, and
// Close ends it when the time is over; its message is not lost.
func TestSlowHandlerBesideAFastOne(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	hang := func(ctx context.Context, _ queue.Message) error { <-ctx.Done(); return ctx.Err() }
	slow := mustStart(t, &recorder{handle: hang}, options(t, q, state))
	fast := mustStart(t, NewForward("fast", func(context.Context, queue.Message) error { return nil }), options(t, q, state))
	var last int64
	for i := range 200 {
		last = putIDs(t, q, fmt.Sprint("m", i))
		slow.Wake()
		fast.Wake()
	}
	untilPosition(t, fast, last)
	mustClose(t, fast)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := slow.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "position 1, and handles it again at the next start") {
		t.Error(err)
	}
	if s := slow.Status(); s.Position != 0 || s.Tries != 0 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	if again := slow.Close(t.Context()); again != err {
		t.Errorf("second Close: %v", again)
	}
}

func TestStartRefuses(t *testing.T) {
	if _, err := Start(&recorder{}, Options{}); err == nil {
		t.Error("started without anything")
	}
}
