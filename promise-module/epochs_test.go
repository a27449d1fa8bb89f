package main

import (
	"sync/atomic"
	"testing"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// A listener whose store is lost and made anew says so in any receipt, and what
// it had is sent again, once. Who does not prove that it is the listener has no
// say in that.
func TestWhatAListenerLostIsSentAgain(t *testing.T) {
	m := newNode(t)
	trustHub(t, m)
	var epoch atomic.Value
	var proved atomic.Bool
	epoch.Store("")
	proved.Store(true)
	endpoint := listen(t, func(frame []byte) []byte {
		r := message.Receipt{Status: message.Stored, Epoch: epoch.Load().(string)}
		if !proved.Load() {
			return sealedReceipt(t, strangerKey(), r, idOf(frame), m.now())
		}
		return sealedReceipt(t, hubKey(), r, idOf(frame), m.now())
	})
	changed := aPromise(map[string]string{"to": quoted(endpoint)})
	other := aPromise(map[string]string{"to": quoted(endpoint), "content": `{"uqhost":"other"}`})
	other.Promiser, other.Attributes["schema"] = "other", []byte(`"host"`)
	always := aPromise(map[string]string{"to": quoted(endpoint), "repeat": `"always"`})
	always.Promiser, always.Attributes["schema"] = "always", []byte(`"host"`)
	for i, c := range []struct {
		epoch  string
		proved bool
		want   string // of changed and other
	}{
		{"", true, "repaired repaired"}, // a listener that tells no epoch
		{"", true, "kept kept"},
		{"a", true, "kept kept"},
		{"a", true, "repaired repaired"},
		{"a", true, "kept kept"},
		{"b", false, "kept kept"}, // by whom?
		{"a", true, "kept kept"},
		{"b", true, "kept kept"}, // heard at the end of this run
		{"b", true, "repaired repaired"},
		{"b", true, "kept kept"},
	} {
		epoch.Store(c.epoch)
		proved.Store(c.proved)
		m.epochs = newEpochs(m.work.state()) // a run is a process of its own
		h, _ := runOnce(t, m, changed, other, always)
		if got := h[0].result + " " + h[1].result; got != c.want || h[2].result != "repaired" {
			t.Errorf("run %d: %s, and %s", i, got, h[2])
		}
	}
	mustWrite(t, m.epochs.file, []byte("damaged"))
	m.epochs = newEpochs(m.work.state())
	if h, _ := runOnce(t, m, []promise.Promise{changed, always}...); h[0].result != "kept" {
		t.Error(h)
	}
}

// Where the connection proves the listener (CURVE), its bare receipts count too.
func TestAStoreIsKnownByItsProof(t *testing.T) {
	for _, c := range []struct {
		a    answer
		want store
	}{
		{answer{endpoint: "e", receipt: message.Receipt{Epoch: "a"}}, store{}},
		{answer{endpoint: "e", curve: true, receipt: message.Receipt{Epoch: "a"}}, store{Endpoint: "e", Epoch: "a"}},
		{answer{endpoint: "e", listener: "SHA=x"}, store{Listener: "SHA=x", Endpoint: "e"}},
	} {
		if got := c.a.store(); got != c.want {
			t.Errorf("%+v: %+v", c.a, got)
		}
	}
	e := newEpochs(t.TempDir())
	was := store{Endpoint: "e", Epoch: "a"}
	if err := e.heard(t.Context(), store{Endpoint: "e", Epoch: "b"}); err != nil || !e.passed(was) || e.passed(store{}) {
		t.Error(err)
	}
}
