package main

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// listenUnknowing is a listener that trusts nobody, until it was asked often
// enough.
func listenUnknowing(t *testing.T, m *messages, until int) (endpoint string, asked chan bool) {
	t.Helper()
	asked = make(chan bool, 100)
	o := message.Opener{Self: hubKey().pair.Digest(), Keys: func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nil, false }, Now: m.now}
	return listen(t, func(frame []byte) []byte {
		_, asks := o.Enrolment(frame, func(d hostkey.Digest) bool { return d == nodeKey().pair.Digest() })
		asked <- asks
		if until--; until < 0 {
			return sealedReceipt(t, hubKey(), stored, idOf(frame), m.now())
		}
		return sealedReceipt(t, hubKey(), message.Receipt{Status: message.Refused, Code: message.UnknownSender}, message.NilID, m.now())
	}), asked
}

func drained(c chan bool) (all []bool) {
	for {
		select {
		case b := <-c:
			all = append(all, b)
		default:
			return all
		}
	}
}

// A listener that does not know this host is asked to, once in a run, by the
// message that it refused; the promise is not kept until it does.
func TestAnUnknownHostAsksOnce(t *testing.T) {
	m := newNode(t)
	endpoint, asked := listenUnknowing(t, m, 100)
	p := aPromise(map[string]string{"to": quoted(endpoint)})
	for range 2 {
		if h := evaluate(t, m, p); h.result != "not_kept" || !h.has("error", "unknown_sender: the listener does not trust this host's key") {
			t.Error(h)
		}
	}
	if got := drained(asked); !slices.Equal(got, []bool{false, true, false}) {
		t.Errorf("asked %v", got)
	}
	next := nextRun(t, m)
	o := anAsync(endpoint)
	next.Evaluate(t.Context(), o)
	if logs := next.Terminate(t.Context()); len(logs) != 1 {
		t.Errorf("%+v", logs)
	}
	if got := drained(asked); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("the next run asked %v", got)
	}
}

// Where it is approved meanwhile, the message is delivered all the same.
func TestApprovedWhileAsking(t *testing.T) {
	m := newNode(t)
	endpoint, asked := listenUnknowing(t, m, 1)
	if h := evaluate(t, m, aPromise(map[string]string{"to": quoted(endpoint)})); h.result != "repaired" {
		t.Error(h)
	}
	if got := drained(asked); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("asked %v", got)
	}
}

// Who does not sign asks for nothing, and a listener that is gone meanwhile
// changes nothing about the refusal.
func TestNotAsked(t *testing.T) {
	m := newNode(t)
	endpoint, asked := listenUnknowing(t, m, 100)
	evaluate(t, m, aPromise(map[string]string{"to": quoted(endpoint), "sign": `"false"`}))
	if got := drained(asked); !slices.Equal(got, []bool{false}) {
		t.Errorf("asked %v", got)
	}
	var asking atomic.Bool
	endpoint = listen(t, func(frame []byte) []byte {
		if asking.Swap(true) {
			return nil
		}
		return sealedReceipt(t, hubKey(), message.Receipt{Status: message.Refused, Code: message.UnknownSender}, message.NilID, m.now())
	})
	inTime(t, time.Second, func(limit time.Duration) error {
		asking.Store(false)
		began := time.Now()
		h := evaluate(t, m, aPromise(map[string]string{"to": quoted(endpoint), "timeout": fmt.Sprintf("%q", fmt.Sprint(limit.Seconds())), "retries": `"0"`}))
		if h.result != "not_kept" || !h.has("error", "refused by") || time.Since(began) > 10*limit {
			return fmt.Errorf("%v after %s", h, time.Since(began))
		}
		return nil
	})
}
