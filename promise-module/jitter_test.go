package main

import (
	"fmt"
	"testing"
	"time"
)

// Thousands of hosts whose hub was away reach it in the same second: what waits
// on them comes spread over the time, not at once, and each at its own moment.
func TestHostsThatComeBackTogetherSpread(t *testing.T) {
	const hosts, slice = 5000, 100 * time.Millisecond
	for failed, spread := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: maxSpread, 2000: maxSpread} {
		arrivals := map[time.Duration]int{}
		for host := range hosts {
			own := share(fmt.Sprintf("SHA=%064x", host))
			after := resumeAfter(own, failed)
			if after < 0 || after > spread {
				t.Fatalf("after %d runs host %d waits %s", failed, host, after)
			}
			arrivals[after/slice]++
		}
		usual := hosts / int(spread/slice)
		for at, n := range arrivals {
			if n > 2*usual {
				t.Errorf("after %d runs %d hosts come at %s, %d are usual", failed, n, at*slice, usual)
			}
		}
	}
	if after := resumeAfter(1, 0); after != 0 {
		t.Errorf("a host that was never turned away waits %s", after)
	}
}

// A run whose listener answers for the first time in several waits for the
// host's own moment, and no run that finds it away does.
func TestWhatWaitsComesAtTheHostsOwnMoment(t *testing.T) {
	m := newNode(t)
	endpoint, asked := storing(t)
	waitingFor(t, m, endpoint, 3)
	target := digestOf("", endpoint)
	for failed, least := range map[int]time.Duration{0: 0, 1: resumeAfter(m.jitter(), 1)} {
		waitingFor(t, m, endpoint, 3)
		if err := changeNotes(t.Context(), m.work.state(), func(n *notes) { n.Failed[target] = failed }); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, end := runOnce(t, m, aPromise(map[string]string{"to": quoted(endpoint), "repeat": `"always"`}))
		if took := time.Since(began); took < least || len(outboxFiles(t, m)) != 0 {
			t.Errorf("after %d runs: %s, %d asked, %+v", failed, took, asked.Load(), end)
		}
		if n, err := readNotes(m.work.state()); err != nil || n.Failed[target] != 0 {
			t.Errorf("noted %+v, %v", n, err)
		}
	}
}
