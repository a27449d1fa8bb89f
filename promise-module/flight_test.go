package main

import (
	"bytes"
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
	return aPromise(map[string]string{"pattern": `"async_request"`, "to": quoted(endpoint), "retries": `"0"`})
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
	p := anAsync(endpoint)
	p.Attributes["timeout"] = json.RawMessage(`"1"`)
	m.Evaluate(t.Context(), p)
	m.Terminate(t.Context())
	if len(outboxFiles(t, m)) != 1 {
		t.Fatal("without a receipt it must wait")
	}
	inTime(t, time.Second, func(time.Duration) error { // a timeout of 1 s is short
		next := nextRun(t, m)
		next.takeUpBacklog(usualSettings)
		next.Terminate(t.Context())
		if files := outboxFiles(t, m); len(files) != 0 {
			return fmt.Errorf("still in the outbox: %v", files)
		}
		return nil
	})
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
	next.takeUpBacklog(usualSettings)
	logs := next.Terminate(t.Context())
	if len(logs) != 1 || len(outboxFiles(t, m)) != 0 {
		t.Errorf("%+v, %v", logs, outboxFiles(t, m))
	}
}

// A damaged file is told, and holds up nothing.
func TestADamagedFileHoldsUpNothing(t *testing.T) {
	m := newNode(t)
	endpoint, asked := storing(t)
	j := mustJob(t, m, map[string]string{"to": quoted(endpoint), "repeat": `"always"`})
	parcels, err := m.pack(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := newWaiting(j, parcels[0], m.now(), nil).encode()
	if err != nil {
		t.Fatal(err)
	}
	good, err := m.keepWaiting(j, parcels, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.priority = 0
	for what, damage := range map[string][]byte{"empty": nil, "cut": whole[:100], "not told": whole[:len(whole)-66], "flipped": flip(whole, 70), "digest": flip(whole, len(whole)-5)} {
		if err := os.WriteFile(newEntry(j, m.now()).file(m.work.state()), damage, 0o600); err != nil {
			t.Fatal(what, err)
		}
	}
	mustWrite(t, filepath.Join(outboxFolder(m.work.state()), "notes.json"), nil)
	next := nextRun(t, m)
	next.takeUpBacklog(usualSettings)
	logs := next.Terminate(t.Context())
	if asked.Load() != 1 || len(logs) != 7 { // five damaged, one no message, one verbose line
		t.Errorf("asked %d times, told %+v", asked.Load(), logs)
	}
	if _, err := os.Stat(good[0].file(m.work.state())); err == nil {
		t.Error("what was delivered is still there")
	}
}

// redirect changes where a waiting message goes.
func redirect(t *testing.T, file, endpoint string) {
	t.Helper()
	w, err := decodeWaiting([]byte(mustRead(t, file)))
	w.To = []string{endpoint}
	data, err2 := w.encode()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, file, data)
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 4
	return data
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

// While nobody listens, of a promise that is to be sent once per change the last
// message alone waits, and the end of the run tells of it in one line.
func TestUnderChangedOneMessageWaits(t *testing.T) {
	m := newNode(t)
	p := anAsync("tcp://127.0.0.1:1")
	p.Attributes["repeat"] = json.RawMessage(`"changed"`)
	other := anAsync("tcp://127.0.0.1:1")
	other.Attributes["repeat"], other.Attributes["content"] = json.RawMessage(`"changed"`), json.RawMessage(`{"uqhost":"other"}`)
	for run := range 3 {
		m = nextRun(t, m)
		for range 2 {
			if o := evaluateHere(t, m, p); !strings.Contains(o, "on its way") {
				t.Errorf("run %d: %s", run, o)
			}
		}
		evaluateHere(t, m, other)
		if logs := m.Terminate(t.Context()); len(logs) != 1 {
			t.Errorf("run %d tells %+v", run, logs)
		}
		if files := outboxFiles(t, m); len(files) != 1 {
			t.Errorf("run %d: %d messages wait", run, len(files))
		}
	}
}

func evaluateHere(t *testing.T, m *messages, p promise.Promise) string {
	t.Helper()
	return fmt.Sprintf("%+v", m.Evaluate(t.Context(), p))
}
