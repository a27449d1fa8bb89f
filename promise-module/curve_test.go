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

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// curveHub is a listener in this process that speaks CURVE, with two sockets: one
// for a pattern, and one where it takes keys.
type curveHub struct {
	t        testing.TB
	secret   string
	public   string // Z85
	endpoint string // of the pattern
	enrol    string
	admitted sync.Map     // client keys in hex
	keys     atomic.Int32 // curve_key messages
	got      chan zmq.Request
}

func newCurveHub(t testing.TB, pattern string, everybody bool) *curveHub {
	t.Helper()
	h := &curveHub{t: t, got: make(chan zmq.Request, 1000)}
	var err error
	if h.secret, err = zmq.NewCurveSecret(); err == nil {
		h.public, err = zmq.CurvePublic(h.secret)
	}
	if err != nil {
		t.Fatal(err)
	}
	admits := func(client, _ string) bool { _, known := h.admitted.Load(client); return everybody || known }
	h.endpoint = h.serve(zmq.ServerOptions{Pattern: pattern, Curve: &zmq.CurveServer{Secret: h.secret, Admits: admits}}, func(q zmq.Request) {
		h.got <- q
		q.Reply(bareReceipt(t, stored, idOf(q.Payload)))
	})
	h.enrol = h.serve(zmq.ServerOptions{Curve: &zmq.CurveServer{Secret: h.secret}}, func(q zmq.Request) {
		h.bind(q)
		q.Reply(bareReceipt(t, stored, idOf(q.Payload)))
	})
	return h
}

// bind takes a curve_key that is signed by the node and holds the connection's own.
func (h *curveHub) bind(q zmq.Request) {
	o := message.Opener{Keys: func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nodeKey().pair.Public(), true }}
	opened, err := o.Open(q.Payload)
	if want := `{"public":"` + q.Client + `"}`; err != nil || opened.Container.Schema != curveKeySchema || string(opened.Container.Content) != want || opened.Sender == "" {
		h.t.Errorf("%s %s is no curve_key of %s: %v", opened.Container.Schema, opened.Container.Content, q.Client, err)
	}
	h.keys.Add(1)
	h.admitted.Store(q.Client, true)
}

func (h *curveHub) serve(o zmq.ServerOptions, handle func(zmq.Request)) (endpoint string) {
	h.t.Helper()
	o.Binds, o.Drain = []string{"tcp://127.0.0.1:*"}, time.Nanosecond
	s, err := zmq.Listen(o)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, handle) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
	return s.Endpoints()[0]
}

// arrives waits for the message that was sent, which came by the node's own key.
func (h *curveHub) arrives(m *messages) {
	h.t.Helper()
	select {
	case q := <-h.got:
		if own := ownHex(h.t, m); q.Client != own {
			h.t.Errorf("it came by the key %q, the node's is %q", q.Client, own)
		}
	case <-time.After(aMinute):
		h.t.Fatal("nothing arrives")
	}
}

// ownHex is the node's CURVE key.
func ownHex(t testing.TB, m *messages) string {
	t.Helper()
	public, err := zmq.CurvePublic(strings.TrimSpace(mustRead(t, filepath.Join(m.work.state(), "curve.key"))))
	if err != nil {
		t.Fatal(err)
	}
	digits, err := zmq.CurveHex(public)
	if err != nil {
		t.Fatal(err)
	}
	return digits
}

// patterns are the five, by the attributes that make them.
var fivePatterns = map[string]map[string]string{
	patternRequest: {"pattern": `"request"`},
	patternAsync:   {"pattern": `"async_request"`},
	patternPublish: {"pattern": `"publish"`},
	patternPush:    {"pattern": `"push"`},
	patternPair:    {"pattern": `"pair"`, "receipt": `"true"`},
}

// say sends a message that the pattern's attributes make, and waits for what goes
// on in the background. What is not delivered is the error.
func say(t testing.TB, m *messages, attributes map[string]string, more ...string) error {
	t.Helper()
	given := map[string]string{"outbox": `"false"`, "retries": `"0"`}
	for name, value := range attributes {
		given[name] = value
	}
	if given["pattern"] == `"async_request"` {
		given["outbox"] = `"true"`
	}
	for i := 0; i < len(more); i += 2 {
		given[more[i]] = more[i+1]
	}
	s := m.send(t.Context(), mustJob(t, m, given))
	m.flights.going.Wait()
	if s.err == nil && s.queued {
		for _, why := range m.flights.tried {
			return why
		}
	}
	return s.err
}

// In every pattern a promise that names a server_key speaks with that listener
// alone, as the host's own key; any other is no listener, and hears nothing.
func TestCurve(t *testing.T) {
	for pattern, attributes := range fivePatterns {
		t.Run(pattern, func(t *testing.T) {
			hub, other := newCurveHub(t, pattern, true), newCurveHub(t, pattern, true)
			m := newNode(t)
			if err := say(t, m, attributes, "to", quoted(hub.endpoint), "server_key", quoted(hub.public)); err != nil {
				t.Fatal(err)
			}
			hub.arrives(m)
			file := filepath.Join(t.TempDir(), "curve.pub")
			mustWrite(t, file, []byte(hub.public+"\n"))
			to := fmt.Sprintf(`{"endpoints":[%q],"server_key":%q}`, hub.endpoint, file)
			m.land() // of a pair there is one at a time
			second := newNode(t)
			if err := say(t, second, attributes, "to", to); err != nil {
				t.Errorf("by a file, within to: %v", err)
			}
			<-hub.got
			second.land()
			inTime(t, 2*time.Second, func(limit time.Duration) error {
				timeout := fmt.Sprintf("%q", fmt.Sprint(limit.Seconds()))
				err := say(t, newNode(t), attributes, "to", quoted(other.endpoint), "server_key", quoted(hub.public), "timeout", timeout)
				if text := fmt.Sprint(err); !strings.Contains(text, "CURVE") || !strings.Contains(text, "server_key") {
					return fmt.Errorf("the error does not tell of CURVE and server_key: %w", err)
				}
				plain := say(t, newNode(t), attributes, "to", quoted(hub.endpoint), "timeout", timeout)
				if !strings.Contains(fmt.Sprint(plain), hub.endpoint) {
					return fmt.Errorf("the error does not tell of %s: %w", hub.endpoint, plain)
				}
				return nil
			})
			if len(hub.got)+len(other.got) > 0 {
				t.Error("something was said to whom it should not")
			}
			if n := hub.keys.Load(); n > 0 {
				t.Errorf("%d keys are bound where everybody may come", n)
			}
		})
	}
}

// Where only enrolled hosts may come, the host binds its key by itself, once, and
// the message goes on its way; also again, when the listener has lost what it knew.
func TestCurveEnrols(t *testing.T) {
	for pattern, attributes := range fivePatterns {
		t.Run(pattern, func(t *testing.T) {
			hub := newCurveHub(t, pattern, false)
			m := newNode(t)
			mustFail(t, say(t, m, attributes, "to", quoted(hub.endpoint), "server_key", quoted(hub.public)), "ZAP 400", "enrol")
			for want := range int32(2) {
				m = &messages{work: m.work, defaultsFile: m.defaultsFile, schemas: m.schemas, client: zmq.NewClient(zmq.ClientOptions{}), now: m.now, flights: newFlights(), sequence: newSequence(m.work.state()), epochs: newEpochs(m.work.state())}
				for range 2 {
					if err := say(t, m, attributes, "to", quoted(hub.endpoint), "server_key", quoted(hub.public), "enrol", quoted(hub.enrol), "repeat", `"always"`); err != nil {
						t.Fatal(err)
					}
					hub.arrives(m)
				}
				if n := hub.keys.Load(); n != want+1 {
					t.Errorf("%d keys are bound, want %d", n, want+1)
				}
				hub.admitted.Clear()
				m.land()
			}
		})
	}
}

// Many at once bind the key once.
func TestCurveEnrolsOnce(t *testing.T) {
	hub, m := newCurveHub(t, patternRequest, false), newNode(t)
	for i := range 20 {
		p := aPromise(map[string]string{"pattern": `"async_request"`, "to": quoted(hub.endpoint), "server_key": quoted(hub.public), "enrol": quoted(hub.enrol)})
		p.Promiser, p.Attributes["schema"] = fmt.Sprint("host-", i), []byte(`"host"`)
		if o := m.Evaluate(t.Context(), p); strings.Contains(fmt.Sprint(o), "error") {
			t.Error(o)
		}
	}
	m.flights.going.Wait()
	for range 20 {
		hub.arrives(m)
	}
	if n := hub.keys.Load(); n != 1 {
		t.Errorf("%d keys are bound", n)
	}
}

// A key that is not taken is told with the reason of the listener that did not
// take it, and costs no more than one attempt a run.
func TestCurveKeyRefused(t *testing.T) {
	hub, m := newCurveHub(t, patternRequest, false), newNode(t)
	var asked atomic.Int32
	refusing := hub.serve(zmq.ServerOptions{Curve: &zmq.CurveServer{Secret: hub.secret}}, func(q zmq.Request) {
		asked.Add(1)
		q.Reply(bareReceipt(t, message.Receipt{Status: message.Refused, Code: message.Denied, Reason: "not you"}, idOf(q.Payload)))
	})
	for range 2 {
		err := say(t, m, nil, "to", quoted(hub.endpoint), "server_key", quoted(hub.public), "enrol", quoted(refusing))
		mustFail(t, err, "not bound", refusing, "denied: not you")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// What waits in the outbox keeps to the listener that it was for.
func TestCurveFromOutbox(t *testing.T) {
	hub, m := newCurveHub(t, patternRequest, false), newNode(t)
	dead := deadEndpoint(t)
	err := say(t, m, nil, "to", fmt.Sprintf(`[%q]`, dead), "server_key", quoted(hub.public), "enrol", quoted(hub.enrol), "outbox", `"true"`)
	mustFail(t, err, dead)
	entries, _, err := outboxEntries(m.work.state())
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d messages wait, %v", len(entries), err)
	}
	w, err := readWaiting(entries[0].file(m.work.state()))
	if err != nil {
		t.Fatal(err)
	}
	j, _, err := w.job()
	if err != nil || j.to.serverKey != hub.public || len(j.to.enrol) != 1 || j.to.enrol[0] != hub.enrol {
		t.Errorf("it waits for %+v, %v", j.to, err)
	}
}

// Over CURVE a bare receipt is the listener's, also where its CFEngine key is
// named; anything else in the place of one is not. Without CURVE it is nobody's.
func TestBareReceiptByCurve(t *testing.T) {
	bare := bareReceipt(t, stored, "m-1")
	r := reader{messageID: "m-1", required: hubKey().pair.Public(), curve: true, now: time.Now}
	if a, err := r.read(bare); err != nil || a.receipt.Status != message.Stored || !a.curve {
		t.Errorf("%+v, %v", a, err)
	}
	for _, frame := range []string{"yes", `{"a":1}`, string(bareReceipt(t, stored, "m-2"))} {
		if a, err := r.read([]byte(frame)); err == nil {
			t.Errorf("%s is taken as %+v", frame, a)
		}
	}
	r.curve = false
	if a, err := r.read(bare); err == nil {
		t.Errorf("without CURVE: %+v", a)
	}
}

// The host's key is made once, however many agents need it at once, for root alone.
func TestOwnCurve(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	secrets := make(chan string, 20)
	for range cap(secrets) {
		go func() {
			secret, err := ownCurve(t.Context(), state)
			if err != nil {
				t.Error(err)
			}
			secrets <- secret
		}()
	}
	first := <-secrets
	for range cap(secrets) - 1 {
		if other := <-secrets; other != first {
			t.Errorf("%q and %q", first, other)
		}
	}
	info, err := os.Stat(filepath.Join(state, "curve.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	mustWrite(t, filepath.Join(state, "curve.key"), []byte("nonsense"))
	_, err = newCurveClient(newCurveHub(t, patternRequest, true).public, "nonsense")
	mustFail(t, err, "40 characters", "remove the file")
}

func TestServerKeys(t *testing.T) {
	hub := newCurveHub(t, patternRequest, true)
	file := filepath.Join(t.TempDir(), "curve.pub")
	missing := filepath.Join(t.TempDir(), "curve.pub")
	mustWrite(t, file, []byte(hub.public+"\n"))
	likePath := "/" + hub.public[1:]
	for text, want := range map[string]string{hub.public: hub.public, file: hub.public, likePath: likePath} {
		if got, err := readServerKey(text); got != want || err != nil {
			t.Errorf("%s is %q, %v", text, got, err)
		}
	}
	_, err := readServerKey(missing)
	mustFail(t, err, missing, "copy the hub's curve.pub")
	mustWrite(t, missing, []byte("nonsense"))
	_, err = readServerKey(missing)
	mustFail(t, err, missing, "40 characters")
	_, err = newNode(t).newJob(aPromise(map[string]string{"enrol": `"tcp://hub:5315"`}))
	mustFail(t, err, `"enrol" needs "server_key"`)
}

// What was delivered to one listener is not held by another at the same endpoint.
func TestHeldByServerKey(t *testing.T) {
	hub, other, m := newCurveHub(t, patternRequest, true), newCurveHub(t, patternRequest, true), newNode(t)
	with := func(key string) map[string]string {
		return map[string]string{"to": quoted(hub.endpoint), "server_key": quoted(key)}
	}
	if err := say(t, m, nil, "to", quoted(hub.endpoint), "server_key", quoted(hub.public)); err != nil {
		t.Fatal(err)
	}
	if _, held := m.holds(mustJob(t, m, with(hub.public))); !held {
		t.Error("the listener that has it does not hold it")
	}
	if _, held := m.holds(mustJob(t, m, with(other.public))); held {
		t.Error("another listener holds it")
	}
}
