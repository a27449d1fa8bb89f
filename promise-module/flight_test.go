package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// anAsync is a promise that does not wait for its receipt.
func anAsync(endpoint string) promise.Promise {
	return aPromise(map[string]string{"pattern": `"async_request"`, "to": quoted(endpoint), "timeout": `"1"`, "retries": `"0"`})
}

func outboxFiles(t *testing.T, m *messages) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(outboxFolder(m.work.state()), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The promise returns before the receipt is there; the end of the run has it.
func TestAnAsyncRequestIsNotWaitedFor(t *testing.T) {
	m := newNode(t)
	answered := make(chan struct{})
	endpoint := listen(t, func(frame []byte) []byte { <-answered; return bareReceipt(t, stored, idOf(frame)) })
	o := m.Evaluate(t.Context(), anAsync(endpoint))
	if files := outboxFiles(t, m); len(files) != 1 {
		t.Fatalf("it is not in the outbox: %v, %+v", files, o)
	}
	close(answered)
	if logs := m.Terminate(t.Context()); len(logs) != 1 {
		t.Errorf("told at the end: %+v", logs)
	}
	if files := outboxFiles(t, m); len(files) != 0 {
		t.Errorf("still in the outbox: %v", files)
	}
}

// A receipt that comes in the next run counts, and what is sent again is the
// same message.
func TestTheNextRunSettlesWhatTheLastLeft(t *testing.T) {
	m := newNode(t)
	var asked atomic.Int32
	ids := make(chan string, 10)
	endpoint := listen(t, func(frame []byte) []byte {
		ids <- idOf(frame)
		if asked.Add(1) == 1 {
			return nil
		}
		return bareReceipt(t, message.Receipt{Status: message.Duplicate}, idOf(frame))
	})
	m.Evaluate(t.Context(), anAsync(endpoint))
	m.Terminate(t.Context())
	if len(outboxFiles(t, m)) != 1 {
		t.Fatal("without a receipt it must wait")
	}
	next := nextRun(t, m)
	next.resendWaiting()
	next.Terminate(t.Context())
	if files := outboxFiles(t, m); len(files) != 0 {
		t.Errorf("still in the outbox: %v", files)
	}
	if first, second := <-ids, <-ids; first != second {
		t.Errorf("sent as %s and again as %s", first, second)
	}
}

// nextRun is another process of the module on the same host.
func nextRun(t *testing.T, m *messages) *messages {
	t.Helper()
	next := newNode(t)
	next.work, next.now = m.work, m.now
	return next
}

func TestWhatWaitsTooLongIsDroppedAndTold(t *testing.T) {
	m := newNode(t)
	p := anAsync("tcp://127.0.0.1:1")
	p.Attributes["expires"] = json.RawMessage(`"1"`)
	m.Evaluate(t.Context(), p)
	m.Terminate(t.Context())
	next := nextRun(t, m)
	next.now = func() time.Time { return m.now().Add(61 * time.Minute) }
	next.resendWaiting()
	logs := next.Terminate(t.Context())
	if len(logs) != 1 || len(outboxFiles(t, m)) != 0 {
		t.Errorf("%+v, %v", logs, outboxFiles(t, m))
	}
}

// A damaged file is told, and holds up nothing.
func TestADamagedFileHoldsUpNothing(t *testing.T) {
	m := newNode(t)
	endpoint, asked := storing(t)
	m.Evaluate(t.Context(), anAsync("tcp://127.0.0.1:1"))
	m.Terminate(t.Context())
	file := outboxFiles(t, m)[0]
	for name, damage := range map[string]string{"0-empty.json": "", "0-cut.json": mustRead(t, file)[:100],
		"0-frame.json": strings.Replace(mustRead(t, file), `"frame":"`, `"frame":"!`, 1)} {
		mustWrite(t, filepath.Join(filepath.Dir(file), name), []byte(damage))
	}
	mustWrite(t, file, []byte(strings.Replace(mustRead(t, file), "tcp://127.0.0.1:1", endpoint, 1)))
	next := nextRun(t, m)
	next.resendWaiting()
	logs := next.Terminate(t.Context())
	if asked.Load() != 1 || len(logs) != 4 {
		t.Errorf("asked %d times, told %+v", asked.Load(), logs)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("what was delivered is still there")
	}
}

// Another agent of this host may settle a message between the look at the
// folder and the look at the file: that is nothing to be told.
func TestAMessageThatIsSettledMeanwhileIsNoFault(t *testing.T) {
	m := newNode(t)
	file := filepath.Join(outboxFolder(m.work.state()), "2-gone.json")
	mustWrite(t, file, nil)
	if err := errors.Join(os.Remove(file), os.Symlink("nowhere", file)); err != nil {
		t.Fatal(err)
	}
	if all, faults := waitingMessages(m.work.state()); len(all)+len(faults) > 0 {
		t.Errorf("%+v, %v", all, faults)
	}
}

func TestADryRunTakesNothingUp(t *testing.T) {
	m := newNode(t)
	endpoint, asked := storing(t)
	m.Evaluate(t.Context(), anAsync("tcp://127.0.0.1:1"))
	m.Terminate(t.Context())
	before := mustRead(t, outboxFiles(t, m)[0])
	p := anAsync(endpoint)
	p.WarnOnly = true
	next := nextRun(t, m)
	next.Evaluate(t.Context(), p)
	next.Terminate(t.Context())
	if files := outboxFiles(t, m); len(files) != 1 || mustRead(t, files[0]) != before || asked.Load() != 0 {
		t.Errorf("%v, asked %d times", files, asked.Load())
	}
}

// While nobody listens, a promise that is to be sent once per change is queued
// once, and the end of the run tells of it in one line.
func TestUnderChangedOneMessageWaits(t *testing.T) {
	m := newNode(t)
	p := anAsync("tcp://127.0.0.1:1")
	p.Attributes["repeat"] = json.RawMessage(`"changed"`)
	other := anAsync("tcp://127.0.0.1:1")
	other.Attributes["repeat"], other.Attributes["content"] = json.RawMessage(`"changed"`), json.RawMessage(`{"uqhost":"other"}`)
	for run := range 3 {
		m = nextRun(t, m)
		m.flights.resend.Do(m.resendWaiting)
		for range 2 {
			if o := evaluateHere(t, m, p); !strings.Contains(o, "on its way") {
				t.Errorf("run %d: %s", run, o)
			}
		}
		evaluateHere(t, m, other)
		if logs := m.Terminate(t.Context()); len(logs) != 1 {
			t.Errorf("run %d tells %+v", run, logs)
		}
		if files := outboxFiles(t, m); len(files) != 2 {
			t.Errorf("run %d: %d messages wait", run, len(files))
		}
	}
}

func evaluateHere(t *testing.T, m *messages, p promise.Promise) string {
	t.Helper()
	return fmt.Sprintf("%+v", m.Evaluate(t.Context(), p))
}
