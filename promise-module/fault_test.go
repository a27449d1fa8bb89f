package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// A fault at each step of a delivery: what the promise could not be sure of
// comes again as the same message, and is stored once.
func TestAFaultAtEachStepOfADelivery(t *testing.T) {
	for what, c := range map[string]struct {
		fault   func(m *messages, endpoint string, at func(frame []byte)) func(frame []byte) []byte // what the listener does the first time
		want    string                                                                              // of the promise then
		timeout string
	}{
		"sent, not stored": {func(*messages, string, func([]byte)) func([]byte) []byte { return func([]byte) []byte { return nil } }, "not_kept", `"1"`},
		"stored, not receipted": {func(_ *messages, _ string, at func([]byte)) func([]byte) []byte {
			return func(f []byte) []byte { at(f); return nil }
		}, "not_kept", `"1"`},
		"stored, the receipt for another": {func(_ *messages, _ string, at func([]byte)) func([]byte) []byte {
			return func(f []byte) []byte { at(f); return bareReceipt(t, stored, "another") }
		}, "not_kept", `"60"`},
		"stored, the receipt cut off": {func(_ *messages, _ string, at func([]byte)) func([]byte) []byte {
			return func(f []byte) []byte {
				at(f)
				return sealedReceipt(t, strangerKey(), stored, idOf(f), time.Now())[:200]
			}
		}, "not_kept", `"60"`},
		"stored, busy said": {func(_ *messages, _ string, at func([]byte)) func([]byte) []byte {
			return func(f []byte) []byte { at(f); return bareReceipt(t, refusedWith(message.Busy), idOf(f)) }
		}, "not_kept", `"60"`},
		"receipted, and the note not written": {func(m *messages, _ string, at func([]byte)) func([]byte) []byte {
			return func(f []byte) []byte {
				at(f)
				mustWrite(t, filepath.Join(m.work.state(), "delivered"), nil) // a file where the folder belongs
				return bareReceipt(t, stored, idOf(f))
			}
		}, "repaired", `"60"`},
	} {
		t.Run(what, func(t *testing.T) {
			m := newNode(t)
			var mu sync.Mutex
			kept, first := map[string]bool{}, true
			at := func(f []byte) { kept[idOf(f)] = true }
			var fault func([]byte) []byte
			endpoint := listen(t, func(f []byte) []byte {
				mu.Lock()
				defer mu.Unlock()
				if first {
					first = false
					return fault(f)
				}
				at(f)
				return bareReceipt(t, stored, idOf(f))
			})
			fault = c.fault(m, endpoint, at)
			p := aPromise(map[string]string{"to": quoted(endpoint), "timeout": c.timeout, "retries": `"0"`, "message_id": `"m-1"`})
			seen := func() bool { mu.Lock(); defer mu.Unlock(); return !first }
			h, _ := runOnce(t, m, p)
			for !seen() && h[0].result == "not_kept" { // it did not come in time
				h, _ = runOnce(t, m, p)
			}
			p.Attributes["timeout"] = []byte(`"60"`)
			if h[0].result != c.want || c.want == "not_kept" && !h[0].has("error", "waits in the outbox") {
				t.Fatal(h)
			}
			_ = os.Remove(filepath.Join(m.work.state(), "delivered"))
			if h, _ := runOnce(t, m, p); h[0].result != "repaired" {
				t.Error(h)
			}
			if h, _ := runOnce(t, m, p); h[0].result != "kept" || len(kept) != 1 || len(outboxFiles(t, m)) != 0 {
				t.Errorf("%v, stored %v, waiting %v", h, kept, outboxFiles(t, m))
			}
		})
	}
}

// Each file of the state damaged in turn: it is told where that matters, all
// else works, and what waits arrives or is told.
func TestEachFileOfTheStateDamaged(t *testing.T) {
	endpoint, _ := storing(t)
	dead := deadEndpoint(t)
	one := aPromise(map[string]string{"to": quoted(endpoint)})
	other := aPromise(map[string]string{"to": quoted(dead), "retries": `"0"`})
	other.Promiser, other.Attributes["schema"] = "other", []byte(`"host"`)
	third := aPromise(map[string]string{"to": quoted(endpoint), "repeat": `"always"`, "sign": `"false"`})
	third.Promiser, third.Attributes["schema"] = "third", []byte(`"host"`)
	prepared := func() *messages {
		m := newNode(t)
		runOnce(t, m, one, other, third)
		runOnce(t, m, one, other, third)
		return m
	}
	for _, name := range filesBelow(t, prepared().work.state()) {
		for what, damage := range map[string]func([]byte) []byte{
			"emptied":   func([]byte) []byte { return nil },
			"truncated": func(b []byte) []byte { return b[:len(b)/2] },
			"flipped":   func(b []byte) []byte { return flip(b, len(b)/3) },
			"rubbish":   func([]byte) []byte { return []byte(strings.Repeat("\x00\xff[{", 1000)) },
		} {
			m := prepared()
			file := filepath.Join(m.work.state(), name)
			if strings.HasPrefix(name, "outbox/") { // named anew each time
				file = outboxFiles(t, m)[0]
			}
			info, err := os.Stat(file)
			if err != nil || info.IsDir() || info.Size() == 0 {
				continue
			}
			mustWrite(t, file, damage([]byte(mustRead(t, file))))
			h, end := runOnce(t, m, one, other, third)
			if h[2].result != "repaired" {
				t.Errorf("%s %s: %v", name, what, h[2])
			}
			if r := h[1]; r.result != "not_kept" || !r.has("error", "waits in the outbox") && !r.has("error", "seq") {
				t.Errorf("%s %s: %v", name, what, r)
			}
			if strings.HasPrefix(name, "outbox/") && !saysLog(end, "is damaged") {
				t.Errorf("%s %s: told %+v", name, what, end)
			}
		}
	}
}

// A state that cannot be written is told, and nothing is said to wait.
func TestAStateThatCannotBeWritten(t *testing.T) {
	for _, name := range []string{"outbox", "delivered", "outbox.json", "outbox.lock", "delivered.lock", "epochs.json"} {
		m := newNode(t)
		blocked := filepath.Join(m.work.state(), name)
		if strings.Contains(name, ".") {
			mustWrite(t, filepath.Join(blocked, "x"), nil) // a folder where a file belongs
		} else {
			mustWrite(t, blocked, nil)
		}
		endpoint, _ := storing(t)
		there := aPromise(map[string]string{"to": quoted(endpoint)})
		away := aPromise(map[string]string{"to": quoted(deadEndpoint(t)), "retries": `"0"`})
		h, _ := runOnce(t, m, there, away)
		if h[0].result != "repaired" {
			t.Errorf("%s: %v", name, h[0])
		}
		if waits := len(outboxFiles(t, m)) == 1; h[1].result != "not_kept" || waits != h[1].has("error", "It waits in the outbox") || waits == h[1].has("error", "Nothing waits on this host") {
			if name != "outbox" || !h[1].has("error", "outbox: not a directory") && !h[1].has("error", "Nothing waits") {
				t.Errorf("%s: %v, waiting %v", name, h[1], outboxFiles(t, m))
			}
		}
	}
}

// The clock goes back and forth: nothing is lost but what is over its time by
// the clock, and that is told.
func TestTheClockGoesBackAndForth(t *testing.T) {
	m := newNode(t)
	endpoint := deadEndpoint(t)
	p := aPromise(map[string]string{"to": quoted(endpoint), "retries": `"0"`, "expires": `"2"`})
	for i, step := range []time.Duration{0, -365 * 24 * time.Hour, 365*24*time.Hour + time.Minute, time.Hour} {
		pass(m, step)
		if h, _ := runOnce(t, m, p); !h[0].has("error", "It waits") || len(outboxFiles(t, m)) != 1 {
			t.Errorf("step %d: %v, waiting %v", i, h, outboxFiles(t, m))
		}
	}
	pass(m, 3*time.Hour)
	if _, end := runOnce(t, m, p); !saysLog(end, "is dropped from the outbox: it expired") || len(outboxFiles(t, m)) != 1 {
		t.Errorf("told %+v, waiting %v", end, outboxFiles(t, m))
	}
	frames := inbox(t, patternRequest, endpoint, m)
	for i, c := range []struct {
		step time.Duration
		want string
	}{{0, "repaired"}, {0, "kept"}, {-time.Hour, "repaired"}, {time.Minute, "kept"}, {365 * 24 * time.Hour, "repaired"}, {-364 * 24 * time.Hour, "repaired"}, {0, "kept"}} {
		pass(m, c.step)
		if h, _ := runOnce(t, m, p); h[0].result != c.want {
			t.Errorf("run %d: %v, %d messages came", i, h, len(frames))
		}
	}
}

// Two agents at once keep the same promises: each ends kept or repaired, the
// listener has what they say, and nothing waits.
func TestTwoAgentsAtOnce(t *testing.T) {
	m := newNode(t)
	var away atomic.Bool
	var mu sync.Mutex
	ids := map[string]bool{}
	endpoint := listen(t, func(f []byte) []byte {
		if away.Load() {
			return bareReceipt(t, refusedWith(message.Busy), idOf(f))
		}
		mu.Lock()
		defer mu.Unlock()
		ids[idOf(f)] = true
		return bareReceipt(t, stored, idOf(f))
	})
	for round := range 50 {
		p := aPromise(map[string]string{"to": quoted(endpoint), "retries": `"0"`, "content": fmt.Sprintf(`{"uqhost":"h%d"}`, round)})
		for _, gone := range []bool{true, false} {
			away.Store(gone)
			var agents sync.WaitGroup
			for range 2 {
				agent := nextRun(t, m)
				agents.Go(func() {
					o := fmt.Sprintf("%+v", agent.Evaluate(context.Background(), p))
					agent.Terminate(context.Background())
					if !gone && strings.Contains(o, "not delivered") {
						t.Errorf("round %d: %s", round, o)
					}
				})
			}
			agents.Wait()
		}
		if len(ids) < 1 || len(ids) > 2 { // what each put by while the listener was away
			t.Errorf("round %d: %d messages", round, len(ids))
		}
		clear(ids)
		if h, _ := runOnce(t, m, []promise.Promise{p}...); h[0].result != "kept" || len(outboxFiles(t, m)) != 0 {
			t.Fatalf("round %d: %v, waiting %v", round, h, outboxFiles(t, m))
		}
	}
}
