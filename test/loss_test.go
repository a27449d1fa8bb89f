package test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/queue"
)

// killsEach is how often each side of each pattern is killed; SOAK asks for
// more.
func killsEach() int {
	if os.Getenv("SOAK") != "" {
		return 500
	}
	return 30
}

// TestLoss holds the patterns to their guarantees (DESIGN.md section 5) while
// both sides are killed at random moments, by the count of message ids,
// promises' results and the nodes' counters. Before that nobody is killed, and
// nothing may be lost at all.
func TestLoss(t *testing.T) {
	h := newHub(t, "request", "publish", "push", "pair", "pair with receipt")
	var speakers []*speaker
	for _, name := range []string{"request", "async_request", "publish", "push", "pair", "pair with receipt"} {
		speakers = append(speakers, newSpeaker(t, h, name))
	}
	each := func(stage string, do func(*speaker) error) {
		var all sync.WaitGroup
		for _, s := range speakers {
			all.Go(func() {
				if err := do(s); err != nil {
					t.Errorf("%s, %s: %v", stage, s.name, err)
				}
			})
		}
		all.Wait()
	}
	h.start(t)
	each("undisturbed", func(s *speaker) error { return undisturbed(h, s) })

	ctx, cancel := context.WithCancel(t.Context())
	killer := make(chan error, 1)
	go func() { killer <- h.killAgain(ctx) }()
	each("killed", func(s *speaker) error { return disturbed(h, s) })
	cancel()
	if err := <-killer; err != nil {
		t.Fatal(err)
	}

	h.start(t)
	each("settled", settle)
	each("arrived", func(s *speaker) error { return awaitLast(h, s) })
	h.stop(t)
	t.Logf("the listener was killed %d times", h.kills.Load())
	for _, s := range speakers {
		t.Run(s.name, func(t *testing.T) { s.count(t, h) })
	}
}

// undisturbed is 20 runs with one promise and one with 100, of which nothing
// is lost in any pattern.
func undisturbed(h *hub, s *speaker) error {
	s.patience = patience / 3
	for n := range 21 {
		count := 1
		if n == 20 {
			count = 100
		}
		if err := s.run(count, nil); err != nil {
			return err
		}
	}
	for id, p := range s.promises {
		if !p.done() || p.taken != 1 {
			return fmt.Errorf("message %s: %+v", id, *p)
		}
	}
	if names := s.outbox(); len(names) > 0 {
		return fmt.Errorf("the outbox holds %q", names)
	}
	var k known
	for deadline := time.Now().Add(patience); k.Messages < 120 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		all, err := h.hosts()
		if err != nil {
			return err
		}
		k = all[string(s.digest)]
	}
	if k.Messages != 120 || k.Gaps != 0 {
		return fmt.Errorf("of 120 messages %d are stored, and %d gaps are shown", k.Messages, k.Gaps)
	}
	return nil
}

// disturbed runs until both sides were killed often enough. Most runs are cut
// short, one in eight by the death of the agent instead of the module's.
func disturbed(h *hub, s *speaker) error {
	s.patience = time.Second
	for s.kills < killsEach() || h.kills.Load() < int64(killsEach()) {
		if s.runs > 100*killsEach() {
			return fmt.Errorf("in %d runs the module was killed %d times, the listener %d times", s.runs, s.kills, h.kills.Load())
		}
		cut := (*conversation).kill
		switch rand.N(8) {
		case 0:
			cut = (*conversation).leave
		case 1, 2:
			cut = nil
		}
		if err := s.run(1+rand.N(8), cut); err != nil {
			return err
		}
	}
	return nil
}

// settle makes the runs that the guarantees give a node time for: until all
// that was promised is done, and the outbox empty. The last of them has a
// message of its own.
func settle(s *speaker) error {
	s.patience = patience / 3
	for n := 0; len(s.open) > 0 || len(s.outbox()) > 0 || n == 0; n++ {
		if n == 50 {
			return fmt.Errorf("after 50 runs %d messages are open, and the outbox holds %q", len(s.open), s.outbox())
		}
		if err := errors.Join(s.age(), s.run(len(s.open)+1, nil)); err != nil {
			return err
		}
	}
	return nil
}

// awaitLast waits for the message that the node numbered last: those before it
// are there then, or lost.
func awaitLast(h *hub, s *speaker) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		all, err := h.stored(s.digest)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.Seq == s.counter {
				return nil
			}
		}
	}
	return fmt.Errorf("message number %d, the last one, is lost, and nobody was killed", s.counter)
}

// stored reads what the queue holds of one sender.
func (h *hub) stored(sender hostkey.Digest) (all []queue.Message, err error) {
	r, err := queue.OpenReader(h.state)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for filter := (queue.Filter{Sender: string(sender)}); ; {
		page, err := r.Messages(context.Background(), filter)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
		filter.After = page[len(page)-1].Position
	}
}

// count holds what was said against what is stored.
func (s *speaker) count(t *testing.T, h *hub) {
	all, err := h.stored(s.digest)
	if err != nil {
		t.Fatal(err)
	}
	stored, results, lost := map[string]int{}, map[string]int{}, 0
	for _, m := range all {
		if stored[m.MessageID]++; s.promises[m.MessageID] == nil {
			t.Errorf("message %s is stored, and was never promised", m.MessageID)
		}
	}
	for id, p := range s.promises {
		results[p.result]++
		n := stored[id]
		switch {
		case n > 1:
			t.Errorf("message %s is stored %d times", id, n)
		case n == 0 && p.done() && s.receipted:
			t.Errorf("message %s was said to be %s, and is lost", id, p.result)
		case n == 0 && p.result == notKept && s.receipted:
			t.Errorf("message %s was said to wait in the outbox, which is empty, and is lost", id)
		case n == 0 && p.result != "":
			lost++
		}
	}
	hosts, err := h.hosts()
	if err != nil {
		t.Fatal(err)
	}
	gaps := hosts[string(s.digest)].Gaps
	if missing := int(s.taken()) - len(all); gaps != missing {
		t.Errorf("%d numbers were taken and %d messages are stored: %d are missing, and %d gaps are shown", s.taken(), len(all), missing, gaps)
	}
	t.Logf("%d runs, the module killed %d times, in %d writes; %d messages promised: %d repaired, %d kept, %d not kept, %d without an answer; %d numbers taken, %d stored, %d gaps, of which %d were said to be repaired, or to wait",
		s.runs, s.kills, s.torn, len(s.promises), results[repaired], results[kept], results[notKept], results[""], s.taken(), len(all), gaps, lost)
}
