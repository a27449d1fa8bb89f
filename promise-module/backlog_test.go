package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/promise"
)

// A listener that is away costs a run one attempt, however much waits for it,
// and what waits for another listener arrives.
func TestAListenerThatIsAwayIsTriedOnce(t *testing.T) {
	m := newNode(t)
	var asked atomic.Int32
	mute := listen(t, func([]byte) []byte { asked.Add(1); return nil })
	waitingFor(t, m, mute, 200, slices.Repeat([]int{1}, 200)...)
	endpoint, got := storing(t)
	waitingFor(t, m, endpoint, 50)
	began := time.Now()
	_, end := runOnce(t, m, aPromise(map[string]string{"to": quoted(endpoint)}))
	if took := time.Since(began); asked.Load() != 1 || got.Load() != 51 || took > aMinute || // of the 200 s that all would take
		!saysLog(end, "So do 199 others") {
		t.Errorf("asked %d and %d times in %s: %+v", asked.Load(), got.Load(), took, end)
	}
}

// One message that never gets an answer does not stand in the way of the others.
func TestAMessageThatNeverArrivesHoldsUpNothing(t *testing.T) {
	m := newNode(t)
	endpoint := listen(t, func(frame []byte) []byte {
		if strings.Contains(string(frame), `"h0"`) {
			return nil
		}
		return bareReceipt(t, stored, idOf(frame))
	})
	poison := waitingFor(t, m, endpoint, 10, 1)[0]
	p := aPromise(map[string]string{"to": quoted(deadEndpoint(t)), "outbox": `"false"`, "retries": `"0"`})
	runOnce(t, m, p)
	if n := len(outboxFiles(t, m)); n != 10 {
		t.Errorf("after the first run %d wait", n)
	}
	runOnce(t, m, p)
	if files := outboxFiles(t, m); len(files) != 1 || filepath.Base(files[0]) != poison.name {
		t.Errorf("after the second run there wait %v", files)
	}
}

// What another agent has at the moment, or is damaged, says nothing of the target:
// however much of it there is, the rest is sent.
func TestWhatCannotBeReadIsNoFailureOfTheTarget(t *testing.T) {
	m := newNode(t)
	endpoint, got := storing(t)
	all := waitingFor(t, m, endpoint, 1+3*maxInVain)
	for _, e := range all[1 : 1+2*maxInVain] {
		mustWrite(t, e.file(m.work.state()), nil)
	}
	var held []*claimed
	for _, e := range all[1+2*maxInVain:][:maxInVain-1] {
		c, err := claim(m.work.state(), e)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	_, end := runOnce(t, m, aPromise(map[string]string{"to": quoted(deadEndpoint(t)), "outbox": `"false"`, "retries": `"0"`}))
	for _, c := range held {
		c.letGo()
	}
	if got.Load() != 2 || saysLog(end, "the time for what waits was over") {
		t.Errorf("%d of 2 arrived: %+v", got.Load(), end)
	}
}

func TestTheOutboxHasLimits(t *testing.T) {
	m := newNode(t)
	mustWrite(t, m.defaultsFile, []byte(`{"outbox_messages":3,"timeout":60,"retries":0}`))
	dead := deadEndpoint(t)
	at := func(priority int) promise.Promise {
		return aPromise(map[string]string{"to": quoted(dead), "repeat": `"always"`, "priority": fmt.Sprint(priority)})
	}
	h, end := runOnce(t, m, at(2), at(3), at(3), at(1), at(4))
	if !saysLog(end, "is dropped from the outbox: the outbox is full") {
		t.Errorf("%+v", end)
	}
	if h[3].result != "not_kept" || !h[3].has("error", "It waits") || !h[4].has("error", "the outbox is full") || !h[4].has("error", "Nothing waits") {
		t.Errorf("%v", h)
	}
	var left []string
	for _, f := range outboxFiles(t, m) {
		left = append(left, filepath.Base(f)[:1])
	}
	if fmt.Sprint(left) != "[1 2 3]" {
		t.Errorf("there are left %v", left)
	}
	if n, _ := readNotes(m.work.state()); n.Dropped != 2 || len(n.Drops) != 2 {
		t.Errorf("noted %+v", n)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	m := newNode(t)
	for text, says := range map[string]string{
		`{"run_limit":0}`: "run_limit", `{"run_limit":4000}`: "1 to 3600", `{"outbox_messages":"many"}`: "outbox_messages", `{"outbox_bytes":-1}`: "outbox_bytes",
	} {
		mustWrite(t, m.defaultsFile, []byte(text))
		_, err := m.newJob(aPromise(nil))
		mustFail(t, err, says, defaultsFile)
	}
	mustWrite(t, m.defaultsFile, []byte(`{}`))
	_, err := m.newJob(aPromise(map[string]string{"run_limit": "5"}))
	mustFail(t, err, "run_limit")
	mustWrite(t, m.defaultsFile, []byte(`{"run_limit":"30","outbox_messages":7,"outbox_bytes":8}`))
	if j := mustJob(t, m, nil); j.settings != (settings{30 * time.Second, 7, 8}) {
		t.Errorf("%+v", j.settings)
	}
}

func TestOutboxFalseKeepsNothing(t *testing.T) {
	m := newNode(t)
	for _, pattern := range []string{"request", "async_request", "push"} {
		p := aPromise(map[string]string{"to": quoted(deadEndpoint(t)), "outbox": `"false"`, "retries": `"0"`, "timeout": `"1"`, "pattern": quoted(pattern)})
		h, end := runOnce(t, m, p)
		if h[0].result != "not_kept" || !h[0].has("error", "Nothing waits on this host") || len(h[0].classes) != 0 || len(end) != 0 {
			t.Errorf("%s: %v, %+v", pattern, h, end)
		}
	}
	if files := outboxFiles(t, m); len(files) != 0 {
		t.Errorf("there wait %v", files)
	}
}

// Agents that run at once share the outbox: nothing arrives twice.
func TestTwoAgentsShareTheOutbox(t *testing.T) {
	m := newNode(t)
	endpoint, asked := storing(t)
	for range 5 {
		asked.Store(0)
		waitingFor(t, m, endpoint, 100)
		var agents sync.WaitGroup
		for range 3 {
			other := nextRun(t, m)
			agents.Go(func() {
				other.takeUpBacklog(settings{time.Hour, usualSettings.messages, usualSettings.bytes})
				other.Terminate(context.Background())
			})
		}
		agents.Wait()
		if n := len(outboxFiles(t, m)); n != 0 || asked.Load() != 100 {
			t.Errorf("%d wait, asked %d times", n, asked.Load())
		}
	}
}
