package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// step is a moment of a delivery, and the fault that comes then.
type step struct {
	name  string
	fault func(t *testing.T, w *wire, a *teller)
	mend  func(t *testing.T, a *teller)

	timeout        string // of the promise then, in seconds; "" for 20
	request, async string // what the run says then: an expression
	waits          bool   // the message is in the outbox after it
	asyncWaits     bool   // where it is sent from there, though it would not be else
	stored         bool   // and at the listener
	next           string // what the next run says of a request
}

// steps are those between the node and the listener's receipt. Where the module
// is killed it says nothing, and cf-agent tells that.
var steps = []step{
	{name: "the listener hangs up before the handshake", fault: always(connecting, cut),
		request: notDelivered, async: waitsOn, waits: true, next: `sent to .*, stored in`},
	{name: "cut whenever a message leaves the node", fault: always(fromNode, cut),
		request: notDelivered, async: waitsOn, waits: true, next: `sent to .*, stored in`},
	{name: "cut after the message left the node", fault: once(fromNode, cut),
		request: notDelivered, async: waitsOn, waits: true, next: `sent to .*, stored in`},
	{name: "the message vanishes", fault: once(fromNode, vanishes), timeout: "3",
		request: notDelivered, async: waitsOn, waits: true, next: `sent to .*, stored in`},
	{name: "cut after it was on the listener's disk", fault: once(fromListener, cut),
		request: notDelivered, async: waitsOn, waits: true, stored: true, next: `sent to .*, stored there before in`},
	{name: "the receipt vanishes", fault: once(fromListener, vanishes), timeout: "10",
		request: notDelivered, async: waitsOn, waits: true, stored: true, next: `sent to .*, stored there before in`},
	{name: "the state cannot be written when the receipt is there", fault: noPlaceToNote, mend: placeToNote,
		request: `info: Message ID sent to(?s:.*)error: Message ID was delivered, but that could not be noted`,
		async:   `error: Message ID \(ID\) was delivered, but that could not be noted`, stored: true, next: `sent to .*, stored there before in`},
	{name: "the module is killed before it has noted the receipt", fault: killedAtReceipt,
		request: `error: .*messages.* sent an invalid/incomplete response`, async: `info: Message ID on its way`, asyncWaits: true, stored: true, next: `sent to .*, stored there before in`},
}

const (
	notDelivered = `error: Message ID not delivered: .* It waits in the outbox`
	waitsOn      = `warning: Message ID \(ID\) waits in the outbox for the next run: `
)

// TestFaultAtEachStep puts a fault between the real agent and the listener at
// each step of a delivery. After it the promise and the outbox say what is so,
// and with the next run the message is stored exactly once, and kept from then
// on.
func TestFaultAtEachStep(t *testing.T) {
	h := newHub(t, "request")
	h.start(t)
	for i, s := range steps {
		for _, pattern := range []string{"request", "async_request"} {
			t.Run(s.name+", "+pattern, func(t *testing.T) {
				t.Parallel()
				w := newWire(t, h.endpoints["request"])
				a := newTeller(t, h, w.endpoint)
				s.try(t, h, w, a, pattern, fmt.Sprintf("m-%d-%s", i, pattern))
			})
		}
	}
}

func (s step) try(t *testing.T, h *hub, w *wire, a *teller, pattern, id string) {
	says := tale{id: {"pattern": pattern}}
	if s.timeout != "" {
		says[id]["timeout"] = s.timeout
	}
	expect := s.request
	if pattern == "async_request" {
		expect = s.async
	}
	s.fault(t, w, a)
	out := a.tell(t, says)
	if !matches(out, expect, id) {
		t.Errorf("the run with the fault is to say %s:\n%s", expect, out)
	}
	waits, _, err := a.waiting()
	there := s.waits || s.asyncWaits && pattern == "async_request"
	if err != nil || waits[id] != there || (h.storedIDs(t)[id] == 1) != s.stored {
		t.Errorf("after the fault: waits %v, stored %d times, %v", waits, h.storedIDs(t)[id], err)
	}
	w.fault(func(heading) fate { return passes })
	if s.mend != nil {
		s.mend(t, a)
	}
	s.converges(t, h, a, pattern, id)
}

// converges makes two runs without a fault.
func (s step) converges(t *testing.T, h *hub, a *teller, pattern, id string) {
	says := tale{id: {"pattern": pattern}}
	next := "info: Message ID " + s.next
	if pattern == "async_request" {
		next = "info: Message ID on its way"
	}
	if out := a.tell(t, says); !matches(out, next, id) || strings.Contains(out, "error:") {
		t.Errorf("the next run is to say %s:\n%s", next, out)
	}
	if out := a.tell(t, says); strings.Contains(out, "Message") {
		t.Errorf("the run after it has something to say:\n%s", out)
	}
	waits, dropped, err := a.waiting()
	if n := h.storedIDs(t)[id]; n != 1 || len(waits)+len(dropped) > 0 || err != nil {
		t.Errorf("in the end: stored %d times, waits %v, dropped %v, %v", n, waits, dropped, err)
	}
}

// matches holds what was said against an expression, in which ID is the
// message's.
func matches(out, expression, id string) bool {
	return regexp.MustCompile(strings.ReplaceAll(expression, "ID", regexp.QuoteMeta(id))).MatchString(out)
}

// always and once are what becomes of the messages from one side.
func always(from heading, f fate) func(*testing.T, *wire, *teller) {
	return func(_ *testing.T, w *wire, _ *teller) {
		w.fault(func(h heading) fate {
			if h == from {
				return f
			}
			return passes
		})
	}
}

func once(from heading, f fate) func(*testing.T, *wire, *teller) {
	return func(_ *testing.T, w *wire, _ *teller) {
		var met atomic.Bool
		w.fault(func(h heading) fate {
			if h == from && met.CompareAndSwap(false, true) {
				return f
			}
			return passes
		})
	}
}

// noPlaceToNote puts a file where the folder of deliveries belongs, which stops
// root too, when the receipt is on its way.
func noPlaceToNote(_ *testing.T, w *wire, a *teller) {
	w.fault(func(from heading) fate {
		if from == fromListener {
			_ = os.WriteFile(filepath.Join(a.state(), "delivered"), nil, 0o600) // placeToNote looks whether it is there
		}
		return passes
	})
}

func placeToNote(t *testing.T, a *teller) {
	t.Helper()
	if err := os.Remove(filepath.Join(a.state(), "delivered")); err != nil {
		t.Fatal(err)
	}
}

// waitsFor tells whether one of the processes has the file open.
func waitsFor(all []*os.Process, file string) bool {
	for _, p := range all {
		open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Pid))
		for _, fd := range open {
			if name, err := os.Readlink(fd); err == nil && name == file {
				return true
			}
		}
	}
	return false
}

// killedAtReceipt kills the module when the receipt is on its way to it. The
// lock that it takes to note the delivery is held meanwhile, so that the kill
// never comes too late.
func killedAtReceipt(t *testing.T, w *wire, a *teller) {
	t.Helper()
	if err := os.MkdirAll(a.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(a.state(), "delivered.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w.fault(func(from heading) fate {
		if from == fromListener {
			go func() {
				for end := time.Now().Add(time.Minute); !waitsFor(a.modules(), f.Name()) && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				for _, p := range a.modules() {
					_ = p.Kill()
				}
				f.Close()
			}()
		}
		return passes
	})
}
