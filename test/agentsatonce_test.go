package test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// pairsOfAgents is how often two agents run at once; SOAK asks for more.
func pairsOfAgents() int {
	if os.Getenv("SOAK") != "" {
		return 200
	}
	return 20
}

// TestTwoAgentsAtOnce runs the same policy by two agents of a host at once:
// promises of what is, and of what happens, and now and then messages wait from
// before. Neither agent sees an error, nothing is stored twice, nothing is lost.
func TestTwoAgentsAtOnce(t *testing.T) {
	h := newHub(t, "request")
	h.start(t)
	w := newWire(t, h.endpoints["request"])
	a := newTeller(t, h, w.endpoint)
	var all []string
	for n := range pairsOfAgents() {
		says := tale{}
		for i, given := range []map[string]string{{}, {"pattern": "async_request"}, {"repeat": "always"}, {"repeat": "always", "pattern": "async_request"}} {
			id := fmt.Sprintf("at-once-%03d-%d", n, i)
			says[id], all = given, append(all, id)
		}
		if n%10 == 9 { // both find messages in the outbox
			always(fromNode, cut)(t, w, a)
			waits := tale{}
			for i := range 10 {
				id := fmt.Sprintf("waits-%03d-%d", n, i)
				waits[id], all = map[string]string{"repeat": "always", "timeout": "1", "pattern": "async_request"}, append(all, id)
			}
			a.tell(t, waits)
			w.fault(func(heading) fate { return passes })
		}
		twice(t, a, says)
	}
	if out := a.tell(t, tale{"last": nil}); strings.Contains(out, "error:") {
		t.Errorf("the last run:\n%s", out)
	}
	waits, dropped, err := a.waiting()
	if len(waits)+len(dropped) > 0 || err != nil {
		t.Errorf("in the end there wait %v, %v are dropped, %v", waits, dropped, err)
	}
	stored := h.storedIDs(t)
	for _, id := range all {
		if stored[id] != 1 {
			t.Errorf("message %s is stored %d times", id, stored[id])
		}
	}
}

// twice runs two agents at once.
func twice(t *testing.T, a *teller, says tale) {
	t.Helper()
	if err := a.write(says); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			out, err := a.command(ctx).CombinedOutput()
			if text := string(out); err != nil || strings.Contains(text, "error:") || strings.Contains(text, "warning:") || !strings.Contains(text, "the run goes on") {
				t.Errorf("cf-agent: %v\n%s", err, text)
			}
		})
	}
	both.Wait()
}
