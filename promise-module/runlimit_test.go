package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/zmq"
)

// No run is longer than its limit: what comes after goes into the outbox at once.
func TestARunHasALimit(t *testing.T) {
	mute := listen(t, func([]byte) []byte { return nil })
	var all []promise.Promise
	for range 6 {
		all = append(all, aPromise(map[string]string{"to": quoted(mute)}))
	}
	all = append(all, aPromise(map[string]string{"to": quoted(mute), "pattern": `"async_request"`, "timeout": `"60"`}))
	var m *messages
	var h []heard
	var end []promise.Log
	inTime(t, time.Second, func(timeout time.Duration) error {
		m = newNode(t)
		mustWrite(t, m.defaultsFile, fmt.Appendf(nil, `{"run_limit":%v,"timeout":%v,"retries":0,"repeat":"always"}`, 2*timeout.Seconds(), timeout.Seconds()))
		began := time.Now()
		h, end = runOnce(t, m, all...)
		if took := time.Since(began); took > 4*timeout || !h[0].has("error", "no answer") {
			return fmt.Errorf("the run took %s: %v", took, h[0])
		}
		return nil
	})
	if !h[5].has("error", "the time of this run for messages is over (run_limit in messages.json). It waits in the outbox") {
		t.Error(h)
	}
	if h[6].result != "repaired" || !saysLog(end, "1 messages wait in the outbox for the next run") {
		t.Errorf("%v, %+v", h[6], end)
	}
	if n := len(outboxFiles(t, m)); n != 7 {
		t.Errorf("%d wait", n)
	}
}

// A lock that is never let go, as by an agent that was stopped, holds up no
// promise and no end of a run.
func TestALockThatIsHeldHoldsUpNothing(t *testing.T) {
	m := newNode(t)
	endpoint, _ := storing(t)
	for _, name := range []string{"delivered.lock", "outbox.lock"} {
		unlock, err := durable.Lock(t.Context(), filepath.Join(m.work.state(), name))
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
	}
	began := time.Now()
	h, end := runOnce(t, m, aPromise(map[string]string{"to": quoted(endpoint), "timeout": `"1"`, "retries": `"0"`, "sign": `"false"`}))
	if took := time.Since(began); took > aMinute || !h[0].has("error", "was delivered, but that could not be noted") {
		t.Errorf("after %s: %v, %+v", took, h, end)
	}
	waitingFor(t, m, deadEndpoint(t), 1)
	m.client, m.flights = zmq.NewClient(zmq.ClientOptions{}), newFlights()
	m.takeUpBacklog(usualSettings)
	if end := m.Terminate(t.Context()); !saysLog(end, "outbox.lock stays locked by another process") {
		t.Errorf("%+v", end)
	}
}
