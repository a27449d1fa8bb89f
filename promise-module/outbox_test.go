package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/zmq"
)

// runOnce evaluates promises as one run of the agent, and gives what it hears of
// each, and at the end.
func runOnce(t testing.TB, m *messages, promises ...promise.Promise) (heardOf []heard, end []promise.Log) {
	t.Helper()
	m.client, m.flights, m.room, m.spent = zmq.NewClient(zmq.ClientOptions{}), newFlights(), room{}, 0
	pass(m, time.Second)
	for _, p := range promises {
		heardOf = append(heardOf, converse(t, fixed{m.Evaluate(t.Context(), p)}, "evaluate_promise", p))
	}
	return heardOf, m.Terminate(t.Context())
}

// pass lets time pass on a node.
func pass(m *messages, d time.Duration) {
	now := m.now().Add(d)
	m.now = func() time.Time { return now }
}

func saysLog(logs []promise.Log, text string) bool {
	return strings.Contains(fmt.Sprintf("%+v", logs), text)
}

// inbox is a listener of one pattern in this process.
func inbox(t *testing.T, pattern, endpoint string, m *messages) (frames chan []byte) {
	t.Helper()
	frames = make(chan []byte, 1000)
	s, err := zmq.Listen(zmq.ServerOptions{Pattern: pattern, Binds: []string{endpoint}, Drain: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = s.Serve(ctx, func(q zmq.Request) {
			frames <- q.Payload
			q.Reply(sealedReceipt(t, hubKey(), stored, idOf(q.Payload), m.now()))
		})
	})
	t.Cleanup(func() { stop(); ended.Wait() })
	return frames
}

// Whatever the pattern: what nobody took is on disk when the promise answers,
// and the next run takes it there first, as the same message.
func TestWhatIsNotDeliveredWaits(t *testing.T) {
	for _, c := range []struct {
		pattern    string
		attributes map[string]string
		messages   int
	}{
		{"request", nil, 1},
		{"pair", map[string]string{"receipt": `"true"`}, 1},
		{"publish", nil, 1},
		{"push", nil, 1},
		{"push", map[string]string{"split": `"true"`, "content": `[{"uqhost":"a"},{"uqhost":"b"},{"uqhost":"c"}]`}, 3},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			m := newNode(t)
			endpoint := deadEndpoint(t)
			attributes := map[string]string{"pattern": quoted(c.pattern), "to": quoted(endpoint), "retries": `"0"`, "repeat": `"always"`}
			for name, raw := range c.attributes {
				attributes[name] = raw
			}
			if c.pattern == "push" { // which goes on trying
				attributes["timeout"] = `"1"`
			}
			h, _ := runOnce(t, m, aPromise(attributes))
			if h[0].result != "not_kept" || !h[0].has("error", "in the outbox") || fmt.Sprint(h[0].classes) != "[message_host_queued]" {
				t.Error(h)
			}
			if files := outboxFiles(t, m); len(files) != c.messages {
				t.Fatalf("%d wait", len(files))
			}
			frames := inbox(t, c.pattern, endpoint, m)
			var end []promise.Log
			inTime(t, time.Second, func(time.Duration) error { // a timeout of 1 s is short
				m.client, m.flights = zmq.NewClient(zmq.ClientOptions{}), newFlights()
				m.takeUpBacklog(usualSettings)
				end = m.Terminate(t.Context())
				if len(outboxFiles(t, m)) != 0 {
					return fmt.Errorf("still waiting: %+v", end)
				}
				return nil
			})
			for range c.messages {
				select {
				case <-frames:
				case <-time.After(aMinute):
					t.Fatalf("it did not arrive: %+v", end)
				}
			}
		})
	}
}

// Under changed the promise itself takes up what waits: one message, once.
func TestAPromiseTakesUpItsOwnMessage(t *testing.T) {
	m := newNode(t)
	endpoint := deadEndpoint(t)
	p := aPromise(map[string]string{"to": quoted(endpoint), "retries": `"0"`})
	for range 3 {
		if h, _ := runOnce(t, m, p); h[0].result != "not_kept" || !h[0].has("error", "waits in the outbox") {
			t.Error(h)
		}
		if n := len(outboxFiles(t, m)); n != 1 {
			t.Fatalf("%d wait", n)
		}
	}
	n, err := readNotes(m.work.state())
	if err != nil || len(n.Tried) != 1 || n.Failed[digestOf("", endpoint)] != 2 {
		t.Errorf("noted: %+v, %v", n, err)
	}
	frames := inbox(t, patternRequest, endpoint, m)
	for i, want := range []string{"repaired", "kept"} {
		if h, _ := runOnce(t, m, p); h[0].result != want {
			t.Errorf("run %d: %v", i, h)
		}
	}
	if len(frames) != 1 || len(outboxFiles(t, m)) != 0 {
		t.Errorf("%d messages came, %d wait", len(frames), len(outboxFiles(t, m)))
	}
}

// What a promise says now takes the place of what it said, and what was said
// before and arrives late does not count as what the listener holds.
func TestANewerMessageReplacesTheWaitingOne(t *testing.T) {
	m := newNode(t)
	endpoint := deadEndpoint(t)
	at := func(content string) promise.Promise {
		return aPromise(map[string]string{"to": quoted(endpoint), "retries": `"0"`, "content": content})
	}
	runOnce(t, m, at(`{"uqhost":"old"}`))
	old := outboxFiles(t, m)[0]
	kept := mustRead(t, old)
	runOnce(t, m, at(`{"uqhost":"new"}`))
	if files := outboxFiles(t, m); len(files) != 1 || files[0] == old {
		t.Fatalf("waiting: %v", files)
	}
	frames := inbox(t, patternRequest, endpoint, m)
	if h, _ := runOnce(t, m, at(`{"uqhost":"new"}`)); h[0].result != "repaired" {
		t.Fatal(h)
	}
	mustWrite(t, old, []byte(kept)) // as after a power failure
	if h, _ := runOnce(t, m, at(`{"uqhost":"new"}`)); h[0].result != "kept" {
		t.Fatal(h)
	}
	if h, _ := runOnce(t, m, at(`{"uqhost":"new"}`)); h[0].result != "kept" || len(frames) != 2 {
		t.Errorf("%v, %d messages came", h, len(frames))
	}
}

// Two agents at once that both put a message by of the same promise leave one of
// them there at least.
func TestTwoAgentsDoNotDropEachOthersMessage(t *testing.T) {
	m := newNode(t)
	j := mustJob(t, m, nil)
	var older [2][]entry
	var err error
	for i := range older { // each looks, then each puts its own there, then each drops
		if older[i], err = m.waitingOf(j); err != nil {
			t.Fatal(err)
		}
	}
	for range older {
		parcels, err := m.pack(t.Context(), j)
		_, err2 := m.keepWaiting(j, parcels, nil)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}
	for i := range older {
		if err := m.supersede(older[i]); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(outboxFiles(t, m)); n != 2 {
		t.Errorf("%d wait", n)
	}
}

// A failed attempt may have arrived: from then on the node does not know what
// the listener holds.
func TestAFailureForgetsWhatTheListenerHeld(t *testing.T) {
	m := newNode(t)
	var mute atomic.Bool
	endpoint := listen(t, func(frame []byte) []byte {
		if mute.Load() {
			return nil
		}
		return bareReceipt(t, stored, idOf(frame))
	})
	at := func(content string) promise.Promise {
		timeout := map[bool]string{true: `"1"`, false: `"60"`}[mute.Load()]
		return aPromise(map[string]string{"to": quoted(endpoint), "timeout": timeout, "retries": `"0"`, "content": content})
	}
	for i, c := range []struct {
		content string
		mute    bool
		want    string
	}{{`{"uqhost":"a"}`, false, "repaired"}, {`{"uqhost":"b"}`, true, "not_kept"}, {`{"uqhost":"a"}`, false, "repaired"}, {`{"uqhost":"a"}`, false, "kept"}} {
		mute.Store(c.mute)
		if h, _ := runOnce(t, m, at(c.content)); h[0].result != c.want {
			t.Errorf("run %d: %v", i, h)
		}
	}
}

// A refused message is told, noted and gone; those behind it arrive.
func TestARefusedMessageHoldsUpNothing(t *testing.T) {
	m := newNode(t)
	var n atomic.Int32
	endpoint := listen(t, func(frame []byte) []byte {
		r := stored
		if n.Add(1) == 1 {
			r = refusedWith(message.Denied)
		}
		return bareReceipt(t, r, idOf(frame))
	})
	waitingFor(t, m, endpoint, 3)
	_, end := runOnce(t, m, aPromise(map[string]string{"to": quoted(deadEndpoint(t)), "outbox": `"false"`, "retries": `"0"`}))
	if len(outboxFiles(t, m)) != 0 || n.Load() != 3 || !saysLog(end, "refused by "+endpoint+": denied: because") {
		t.Errorf("%d wait, %d asked, %+v", len(outboxFiles(t, m)), n.Load(), end)
	}
	if noted, _ := readNotes(m.work.state()); noted.Dropped != 1 || len(noted.Drops) != 1 || !strings.HasPrefix(noted.Drops[0].Dropped, "refused: denied") {
		t.Errorf("noted %+v", noted)
	}
}

// waitingFor puts messages into the outbox as runs without their listener would.
// Their timeouts are 60 s but for the first ones, whose are given.
func waitingFor(t testing.TB, m *messages, endpoint string, n int, timeouts ...int) []entry {
	t.Helper()
	var all []entry
	for i := range n {
		timeout := 60
		if i < len(timeouts) {
			timeout = timeouts[i]
		}
		j := mustJob(t, m, map[string]string{"to": quoted(endpoint), "timeout": fmt.Sprintf("%q", fmt.Sprint(timeout)), "repeat": `"always"`, "sign": `"false"`, "content": fmt.Sprintf(`{"uqhost":"h%d"}`, i)})
		pass(m, time.Microsecond)
		parcels, err := m.pack(t.Context(), j)
		e, err2 := m.keepWaiting(j, parcels, errors.New("nobody listens"))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		all = append(all, e...)
	}
	return all
}
