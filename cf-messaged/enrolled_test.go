package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/test/ports"
	"github.com/webhuis/cfengine-messages/zmq"
)

// curveHost is another host: its CFEngine key, and a CURVE key of its own.
type curveHost struct {
	t              testing.TB
	pair           *hostkey.Pair
	secret, public string // CURVE, Z85 and hex
	client         *zmq.Client
	server         string
	ago            time.Duration // its messages' iat
}

// trusts makes a host that the site trusts; server is the key that its client
// means.
func (s *site) trusts(name, server string) *curveHost {
	s.t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	must(s.t, err)
	h := &curveHost{t: s.t, server: server}
	h.pair, err = hostkey.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}))
	must(s.t, err)
	must(s.t, os.WriteFile(filepath.Join(s.keys, name+".pub"), h.pair.Public().PEM(), 0o600))
	h.secret, err = zmq.NewCurveSecret()
	must(s.t, err)
	public, err := zmq.CurvePublic(h.secret)
	must(s.t, err)
	h.public, err = zmq.CurveHex(public)
	must(s.t, err)
	h.connect()
	return h
}

// connect has the host forget its connections.
func (h *curveHost) connect() {
	h.client = zmq.NewClient(zmq.ClientOptions{Curve: &zmq.CurveClient{Server: h.server, Secret: h.secret}})
	client := h.client
	h.t.Cleanup(func() { client.Close() })
}

func (h *curveHost) seal(schema, content string) []byte {
	h.t.Helper()
	c, err := message.Container{Schema: schema, MessageID: message.NewID(), Version: "1.0", Content: json.RawMessage(content)}.Encode()
	must(h.t, err)
	now := time.Now()
	frame, err := message.Seal(c, message.Header{Iat: now.Add(-h.ago).Unix(), Exp: now.Add(time.Hour).Unix()}, h.pair)
	must(h.t, err)
	return frame
}

// says sends a frame over the host's connection; the word is the receipt's status
// or its code, or the kind of the error. A receipt must be bare.
func (h *curveHost) says(endpoint string, frame []byte) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := h.client.Request(ctx, endpoint, frame)
	if z := (*zmq.Error)(nil); errors.As(err, &z) {
		return string(z.Kind)
	}
	c, err := message.Decode(answer, message.DefaultLimits)
	must(h.t, err)
	r, err := message.ParseReceipt(c)
	must(h.t, err)
	if r.Status != message.Refused {
		return string(r.Status)
	}
	return fmt.Sprintf("%s: %s", r.Code, r.Reason)
}

func (h *curveHost) key() string { return fmt.Sprintf(`{"public":"%s"}`, h.public) }

// hub is a site that listens for enrolment at the first endpoint and for enrolled
// hosts at the second.
func hub(t testing.TB, lines ...string) (*site, string) {
	s := newSite(t)
	s.write(append([]string{"listeners:",
		"  - {pattern: request, bind: [tcp://127.0.0.1:0], curve: any, only: [curve_key]}",
		"  - {pattern: request, bind: [tcp://127.0.0.1:0], curve: enrolled}",
		"feeds:", "  host: {from: trusted}", "  curve_key: {from: trusted}"}, lines...)...)
	s.mustCLI("init")
	return s, strings.TrimSpace(read(t, filepath.Join(s.state, curvePublic)))
}

func (r *running) endpoints() []string {
	r.t.Helper()
	var ready struct{ Endpoints []string }
	must(r.t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	return ready.Endpoints
}

func wantWord(t testing.TB, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A host is admitted from the receipt of its curve_key on, for what it says itself
// and for as long as it is trusted, also when the listener starts anew.
func TestEnrolled(t *testing.T) {
	s, server := hub(t)
	node, other := s.trusts("node", server), s.trusts("other", server)
	r := s.listen()
	any, enrolled := r.endpoints()[0], r.endpoints()[1]
	const www1 = `{"uqhost":"www1"}`

	wantWord(t, node.says(enrolled, node.seal("host", www1)), "not_admitted")
	wantWord(t, node.says(any, node.seal("host", www1)), "denied: this endpoint takes messages of schema curve_key only")
	wantWord(t, node.says(any, node.seal("curve_key", other.key())), "denied: a CURVE key is bound only over a connection made with that very key")
	wantWord(t, node.says(enrolled, node.seal("host", www1)), "not_admitted")
	wantWord(t, node.says(any, node.seal("curve_key", `{"public":"x"}`)), "denied")
	wantWord(t, node.says(any, node.seal("curve_key", `{}`)), "invalid_content")
	wantWord(t, node.says(any, node.seal("curve_key", node.key())), "stored")
	wantWord(t, node.says(enrolled, node.seal("host", www1)), "stored")

	// A host speaks for itself over its connection, and nobody by way of it.
	wantWord(t, node.says(enrolled, other.seal("host", www1)), "denied: the connection is "+string(node.pair.Digest()))
	wantWord(t, node.says(enrolled, s.seal("m-1", www1)), "denied")
	wantWord(t, other.says(enrolled, other.seal("host", www1)), "not_admitted")

	// Revoked while connected: nothing comes over the connection, whoever signed it.
	must(t, os.Remove(filepath.Join(s.keys, "node.pub")))
	await(t, "revocation", func() bool { return strings.HasPrefix(node.says(enrolled, node.seal("host", www1)), "unknown_sender") })
	wantWord(t, node.says(enrolled, s.seal("m-2", www1)), "denied: the CURVE key of this connection belongs to no trusted host any more")
	node.connect()
	wantWord(t, node.says(enrolled, node.seal("host", www1)), "not_admitted")
	if !strings.Contains(r.log.line("is not admitted"), `"peer":"127.0.0.1"`) {
		t.Error("the log does not say who was not admitted")
	}

	// Trusted once more, and after a restart, it need not enrol again.
	must(t, os.WriteFile(filepath.Join(s.keys, "node.pub"), node.pair.Public().PEM(), 0o600))
	await(t, "trust", func() bool { node.connect(); return node.says(enrolled, node.seal("host", www1)) == "stored" })
	r.stop()
	must(t, r.wait())
	again := s.listen()
	node.connect()
	wantWord(t, node.says(again.endpoints()[1], node.seal("host", www1)), "stored")
}

// Who forwards for others is named; a host may have several keys, and its clone the
// same; the oldest of too many is forgotten.
func TestEnrolledRelaysAndKeys(t *testing.T) {
	s := newSite(t)
	relay := s.trusts("relay", "")
	s.write("listeners:",
		"  - {pattern: request, bind: [tcp://127.0.0.1:0], curve: any}",
		"  - {pattern: request, bind: [tcp://127.0.0.1:0], curve: enrolled, relays: ["+string(relay.pair.Digest())+"]}",
		"feeds:", "  host: {from: trusted}", "  curve_key: {from: trusted}")
	s.mustCLI("init")
	server := strings.TrimSpace(read(t, filepath.Join(s.state, curvePublic)))
	relay.server = server
	relay.connect()
	node, clone := s.trusts("node", server), s.trusts("clone", server)
	r := s.listen()
	any, enrolled := r.endpoints()[0], r.endpoints()[1]
	wantWord(t, relay.says(any, relay.seal("curve_key", relay.key())), "stored")
	wantWord(t, relay.says(enrolled, node.seal("host", `{"uqhost":"www1"}`)), "stored")

	keys := []*curveHost{}
	for i := range maxKeys + 1 {
		k := s.trusts("spare", server) // another key of the same host
		k.pair, k.ago = node.pair, time.Duration(100-i)*time.Second
		wantWord(t, k.says(any, k.seal("curve_key", k.key())), "stored")
		keys = append(keys, k)
		wantWord(t, k.says(enrolled, k.seal("host", fmt.Sprintf(`{"uqhost":"www%d"}`, i))), "stored")
	}
	keys[0].connect()
	wantWord(t, keys[0].says(enrolled, keys[0].seal("host", `{"uqhost":"www1"}`)), "not_admitted")
	clone.secret, clone.public = keys[1].secret, keys[1].public
	clone.connect()
	wantWord(t, clone.says(enrolled, clone.seal("host", `{"uqhost":"c"}`)), "denied")
	wantWord(t, clone.says(any, clone.seal("curve_key", clone.key())), "stored")
	wantWord(t, clone.says(enrolled, clone.seal("host", `{"uqhost":"c"}`)), "stored")
	wantWord(t, keys[1].says(enrolled, keys[1].seal("host", `{"uqhost":"www1"}`)), "stored")
}

// The listener's own commands speak CURVE where it does, and its own key needs no
// enrolment.
func TestPutByCurve(t *testing.T) {
	for _, curve := range []string{curveAny, curveEnrolled} {
		s, port := newSite(t), ports.Free(t)
		s.write("listeners: [{pattern: request, bind: ['tcp://127.0.0.1:"+port+"'], curve: "+curve+"}]",
			"feeds: {domain: {from: [self]}, curve_key: {from: trusted}}")
		s.mustCLI("init")
		s.listen()
		file := filepath.Join(s.dir, "d.json")
		must(t, os.WriteFile(file, []byte(`{"domain":"webhuis.nl"}`), 0o600))
		for _, to := range [][]string{nil, {"--to", "tcp://localhost:" + port}} {
			out := s.mustCLI(append([]string{"put", "--force", "domain", file}, to...)...)
			if !strings.Contains(out, "stored") {
				t.Errorf("%s: %s", curve, out)
			}
		}
	}
}

// A key that others may read is not spoken with.
func TestCurveKeyIsGuarded(t *testing.T) {
	s, _ := hub(t)
	must(t, os.Chmod(filepath.Join(s.state, curveSecret), 0o640))
	_, err := s.cli("run")
	wantError(t, err, "curve.key", "chmod 600")
	must(t, os.Remove(filepath.Join(s.state, curveSecret)))
	_, err = s.cli("run")
	wantError(t, err, "curve.key", "cf-messaged init")
}

// bind replaces what hosts have bound, and no table that is being read changes.
func TestEnrolmentBind(t *testing.T) {
	a, b := hostkey.Digest("SHA="+strings.Repeat("a", 64)), hostkey.Digest("SHA="+strings.Repeat("b", 64))
	e := &enrolment{keys: map[hostkey.Digest][]string{}}
	e.owners.Store(&owners{"own": {b}})
	for _, step := range []struct {
		said map[hostkey.Digest][]string
		want owners
	}{
		{map[hostkey.Digest][]string{a: {"k1"}}, owners{"own": {b}, "k1": {a}}},
		{map[hostkey.Digest][]string{a: {"k2", "k1"}, b: {"k1"}}, owners{"own": {b}, "k1": {a, b}, "k2": {a}}},
		{map[hostkey.Digest][]string{a: {"k2"}}, owners{"own": {b}, "k1": {b}, "k2": {a}}},
		{map[hostkey.Digest][]string{a: nil, "": {"k3"}, "www1": {"k4"}}, owners{"own": {b}, "k1": {b}}},
	} {
		was := e.owners.Load()
		before := fmt.Sprint(*was)
		e.bind(step.said)
		if fmt.Sprint(*was) != before {
			t.Errorf("the old table has changed: %v", *was)
		}
		got := *e.owners.Load()
		for key := range got {
			slices.Sort(got[key])
		}
		if fmt.Sprint(got) != fmt.Sprint(step.want) {
			t.Errorf("after %v: %v, want %v", step.said, got, step.want)
		}
	}
}
