package test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestListenerStandsStill stops a listener (SIGSTOP) while nodes hand over more
// than the system's buffers take. Where it goes on in time, the end of a run
// waits for that and nothing is lost. Where it does not, the end comes all the
// same, says what was lost, and the listener shows as many gaps.
func TestListenerStandsStill(t *testing.T) {
	patterns := []string{"publish", "push", "pair"}
	h := newHub(t, patterns...)
	var speakers []*speaker
	for _, p := range patterns {
		s := newSpeaker(t, h, p)
		s.patience = patience / 3
		speakers = append(speakers, s)
	}
	h.start(t)
	// What the listener takes in time depends on the machine: of less, it is all.
	for filler := 500_000; standStill(t, h, speakers, true, filler) > 0; filler /= 4 {
		if filler < 1000 {
			t.Fatal("the listener goes on, and the ends do not wait for it")
		}
	}
	if told := standStill(t, h, speakers, false, 500_000); told != len(speakers) {
		t.Errorf("%d of %d ends tell what was not taken in time", told, len(speakers))
	}
	for _, s := range speakers {
		err := s.run(1, nil)
		if err = errors.Join(err, awaitLast(h, s)); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	for deadline := time.Now().Add(patience); !h.applied(t) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond) // gaps are counted by the truth
	}
	h.stop(t)
	for _, s := range speakers {
		t.Run(s.name, func(t *testing.T) { s.count(t, h) })
	}
}

// standStill is one run of each speaker, in the midst of which the listener is
// stopped, after 10 messages of that size. It goes on while they end, or when they
// have ended. It gives how many ends tell that not everything was taken in time;
// what the others handed over arrives.
func standStill(t *testing.T, h *hub, speakers []*speaker, goesOn bool, filler int) (told int) {
	t.Helper()
	signal := func(s syscall.Signal) {
		if err := h.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	var runs []*conversation
	for _, s := range speakers {
		c, err := converse(s.work)
		if err != nil {
			t.Fatal(err)
		}
		defer c.kill()
		err = c.greet()
		if err = errors.Join(err, s.say(c, 1, 0)); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		runs = append(runs, c)
	}
	signal(syscall.SIGSTOP)
	for i, s := range speakers {
		if err := s.say(runs[i], 10, filler); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	late := make([]bool, len(speakers))
	var ends sync.WaitGroup
	for i, s := range speakers {
		ends.Go(func() {
			last, err := runs[i].terminate()
			if err = errors.Join(err, runs[i].end()); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
			late[i] = strings.Contains(last.text(), "log_error=Handed over, and not taken in time: "+s.attributes["to"])
		})
	}
	if goesOn {
		time.Sleep(200 * time.Millisecond) // the ends are waiting
		signal(syscall.SIGCONT)
	}
	ends.Wait()
	signal(syscall.SIGCONT)
	for i, s := range speakers {
		if late[i] {
			told++
		} else if err := awaitLast(h, s); goesOn && err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	return told
}

// say makes promises that are kept at once.
func (s *speaker) say(c *conversation, count, filler int) error {
	s.filler = filler
	defer func() { s.filler = 0 }()
	for range count {
		if p, err := s.promise(c); err != nil || p.result != repaired {
			return fmt.Errorf("%+v, %w", p, err)
		}
	}
	return nil
}
