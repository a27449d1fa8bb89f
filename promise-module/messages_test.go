package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// listenStoring is a listener that answers each frame with a receipt of the hub.
func listenStoring(t testing.TB, m *messages, r message.Receipt) (endpoint string, frames chan []byte) {
	t.Helper()
	frames = make(chan []byte, 100)
	return listen(t, func(frame []byte) []byte {
		frames <- bytes.Clone(frame)
		return sealedReceipt(t, hubKey(), r, idOf(frame), m.now())
	}), frames
}

func trustHub(t testing.TB, m *messages) {
	t.Helper()
	mustWrite(t, filepath.Join(m.work.keys(), "root-MD5=whatever.pub"), hubKey().public)
}

func TestAMessageIsSentOncePerChange(t *testing.T) {
	m := newNode(t)
	trustHub(t, m)
	endpoint, frames := listenStoring(t, m, stored)
	to := quoted(endpoint)
	for _, step := range []struct {
		what       string
		attributes map[string]string
		result     string
		class      string
	}{
		{"the first time", nil, "repaired", "message_host_sent"},
		{"the same again", nil, "kept", "message_host_kept"},
		{"changed", map[string]string{"content": `{"uqhost":"www2"}`}, "repaired", "message_host_sent"},
		{"changed back", nil, "repaired", "message_host_sent"},
		{"always", map[string]string{"repeat": `"always"`}, "repaired", "message_host_sent"},
	} {
		attributes := map[string]string{"to": to}
		for name, raw := range step.attributes {
			attributes[name] = raw
		}
		h := evaluate(t, m, aPromise(attributes))
		if h.result != step.result || len(h.classes) != 1 || h.classes[0] != step.class {
			t.Errorf("%s: %s", step.what, h)
		}
		if h.result == "kept" && (len(h.logs) != 1 || !h.has("verbose", "holds this content since")) {
			t.Errorf("%s: %s", step.what, h)
		}
	}
	if len(frames) != 4 {
		t.Errorf("%d messages were sent", len(frames))
	}
}

// What travels is an envelope of this host, for the listener that policy names,
// counted, and good for as long as the listener remembers its id.
func TestTheEnvelopeOfAPromise(t *testing.T) {
	m := newNode(t)
	endpoint, frames := listenStoring(t, m, stored)
	hub := hubKey().pair.Digest()
	key := filepath.Join(t.TempDir(), "hub.pub")
	mustWrite(t, key, hubKey().public)
	to := `{"endpoints":"` + endpoint + `","key":"` + key + `"}`
	for range 2 {
		if h := evaluate(t, m, aPromise(map[string]string{"to": to, "repeat": `"always"`})); h.result != "repaired" {
			t.Fatal(h)
		}
	}
	opener := message.Opener{Self: hub, Keys: func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nodeKey().pair.Public(), true }}
	ids := map[string]bool{}
	for seq := uint64(1); seq <= 2; seq++ {
		o, err := opener.Open(<-frames)
		if err != nil {
			t.Fatal(err)
		}
		ids[o.Container.MessageID] = true
		h := o.Header
		if o.Sender != nodeKey().pair.Digest() || h.Seq != seq || h.Aud != string(hub) || h.Iat != m.now().Unix() || h.Exp-h.Iat != 168*3600 {
			t.Errorf("header %+v", h)
		}
		if c := o.Container; c.Schema != "host" || c.Version != "1.0" || string(c.Content) != someContent {
			t.Errorf("container %+v", c)
		}
	}
	if len(ids) != 2 {
		t.Errorf("ids %v", ids)
	}
}

// sign => "false" is for plain listeners: no key is needed, and none is read.
func TestABareContainerNeedsNoKey(t *testing.T) {
	m := newNode(t)
	if err := os.RemoveAll(m.work.keys()); err != nil {
		t.Fatal(err)
	}
	var got atomic.Value
	endpoint := listen(t, func(frame []byte) []byte { got.Store(string(frame)); return []byte("received") })
	h := evaluate(t, m, aPromise(map[string]string{"to": quoted(endpoint), "sign": `"false"`, "message_id": `"poc-1"`}))
	if h.result != "repaired" || !h.has("info", "answered in") || !h.has("verbose", "not proved") {
		t.Error(h)
	}
	if want := `{"host":{"message_id":"poc-1","content":` + someContent + `,"version":"1.0"}}`; got.Load() != want {
		t.Errorf("sent %v", got.Load())
	}
	if files := filesBelow(t, m.work.state()); len(files) != 3 {
		t.Errorf("a bare container is not counted; there is %v", files)
	}
	h = evaluate(t, m, aPromise(map[string]string{"to": quoted(endpoint)}))
	if h.result != "not_kept" || !h.has("error", "localhost.priv") || !h.has("error", "cf-key") {
		t.Error(h)
	}
}

func TestADryRunSendsAndWritesNothing(t *testing.T) {
	m := newNode(t)
	endpoint, frames := listenStoring(t, m, stored)
	before := filesBelow(t, string(m.work))
	p := aPromise(map[string]string{"to": `["` + endpoint + `","tcp://127.0.0.1:1"]`})
	p.WarnOnly = true
	h := evaluate(t, m, p)
	if want := "warning=Message host should be sent to " + endpoint + " or tcp://127.0.0.1:1"; h.result != "not_kept" || len(h.logs) != 1 || h.logs[0] != want {
		t.Error(h)
	}
	if after := filesBelow(t, string(m.work)); len(frames) > 0 || len(after) != len(before) {
		t.Errorf("%d messages sent, files %v", len(frames), after)
	}
	p.WarnOnly = false
	if h := evaluate(t, m, p); h.result != "repaired" {
		t.Error(h)
	}
	p.WarnOnly = true
	if h := evaluate(t, m, p); h.result != "kept" {
		t.Error(h)
	}
}

func TestARefusedMessageIsNotRemembered(t *testing.T) {
	m := newNode(t)
	endpoint, frames := listenStoring(t, m, refusedWith(message.Denied))
	for range 2 {
		h := evaluate(t, m, aPromise(map[string]string{"to": quoted(endpoint)}))
		if h.result != "not_kept" || !h.has("error", "denied: because") || len(h.classes) != 1 || h.classes[0] != "message_host_refused" {
			t.Error(h)
		}
	}
	if len(frames) != 2 {
		t.Errorf("%d messages were sent", len(frames))
	}
}

func TestTheViewOfAReceiptReachesPolicy(t *testing.T) {
	m := newNode(t)
	endpoint, _ := listenStoring(t, m, message.Receipt{Status: message.Stored, Wants: []string{"network"}, View: answerWithView().receipt.View})
	attributes := map[string]string{"to": quoted(endpoint), "repeat": `"always"`}
	want := []string{"message_host_sent messages_wanted_network message_host_view", "message_host_sent messages_wanted_network"}
	for i := range want {
		h := evaluate(t, m, aPromise(attributes))
		if got := strings.Join(h.classes, " "); h.result != "repaired" || got != want[i] {
			t.Errorf("run %d: %s", i+1, h)
		}
	}
	if got := mustRead(t, filepath.Join(m.work.state(), "views", "host.json")); got != `{"role":"web"}`+"\n" {
		t.Errorf("the view is %s", got)
	}
}

// A view that cannot be written is asked for again, though the message itself
// was delivered.
func TestAViewThatCannotBeWritten(t *testing.T) {
	m := newNode(t)
	endpoint, _ := listenStoring(t, m, answerWithView().receipt)
	mustWrite(t, filepath.Join(m.work.state(), "views"), nil) // a file in the folder's place
	attributes := map[string]string{"to": quoted(endpoint)}
	h := evaluate(t, m, aPromise(attributes))
	if h.result != "repaired" || !h.has("error", "was delivered, but its view could not be written") || !h.has("info", "sent to") {
		t.Error(h)
	}
	if err := os.Remove(filepath.Join(m.work.state(), "views")); err != nil {
		t.Fatal(err)
	}
	if h := evaluate(t, m, aPromise(attributes)); h.result != "repaired" || len(h.classes) != 2 {
		t.Error(h)
	}
	if h := evaluate(t, m, aPromise(attributes)); h.result != "kept" {
		t.Error(h)
	}
}

func TestWhatIsWrongIsToldByBothOperations(t *testing.T) {
	m := newNode(t)
	p := aPromise(map[string]string{"content": `{"cpus":[4]}`, "timeout": `"600"`})
	if h := converse(t, m, "validate_promise", p); h.result != "invalid" || !h.has("error", "policy.cf:7") {
		t.Error(h)
	}
	if h := evaluate(t, m, p); h.result != "not_kept" || len(h.logs) != 1 {
		t.Error(h)
	}
	if h := converse(t, m, "validate_promise", aPromise(nil)); h.result != "valid" {
		t.Error(h)
	}
	if files := filesBelow(t, m.work.state()); len(files) != 0 {
		t.Errorf("checking wrote %v", files)
	}
}

// The bound is the promise's, whatever it is that takes the time.
func TestAPromiseKeepsItsBound(t *testing.T) {
	m := newNode(t)
	mute := listen(t, func([]byte) []byte { return nil })
	began := time.Now()
	h := evaluate(t, m, aPromise(map[string]string{"to": quoted(mute), "timeout": `"1"`, "retries": `"0"`}))
	if took := time.Since(began); h.result != "not_kept" || !h.has("error", mute) || took > aMinute/2 { // of the minute that messages.json gives
		t.Errorf("%s after %s", h, took)
	}
	for _, c := range []struct {
		timeout time.Duration
		retries int
		want    time.Duration
	}{{5 * time.Second, 2, 15 * time.Second}, {time.Second, 0, time.Second}, {time.Minute, 100, time.Minute}, {time.Second, 100, time.Minute}} {
		if got := (job{attributes: attributes{timeout: c.timeout, retries: c.retries}}).bound(); got != c.want {
			t.Errorf("%s and %d retries: %s", c.timeout, c.retries, got)
		}
	}
}

func TestAnAgentThatGoesAwayEndsThePromise(t *testing.T) {
	m := newNode(t)
	arrived := make(chan struct{}, 10)
	mute := listen(t, func([]byte) []byte { arrived <- struct{}{}; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	began := time.Now()
	m.Evaluate(ctx, aPromise(map[string]string{"to": quoted(mute), "timeout": `"60"`}))
	if took := time.Since(began); took > aMinute/2 {
		t.Errorf("it took %s", took)
	}
	if files := filesBelow(t, filepath.Join(m.work.state(), "delivered")); len(files) > 0 {
		t.Errorf("delivered holds %v", files)
	}
}
