package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/test/ports"
)

// retries gives what dead retry tells, by the dead letter's id.
func (r *running) retries(args ...string) (map[int64]retryLine, error) {
	r.t.Helper()
	out, err := r.cli(append([]string{"dead", "retry", "--json", "--to", r.endpoint}, args...)...)
	all := map[int64]retryLine{}
	for line := range strings.Lines(out) {
		var one retryLine
		must(r.t, json.Unmarshal([]byte(line), &one))
		all[one.ID] = one
	}
	return all, err
}

// dead gives the ids and codes of the dead letters, in their order.
func (s *site) dead() string {
	s.t.Helper()
	var all []string
	for line := range strings.Lines(s.mustCLI("dead", "list", "--json")) {
		var one deadLine
		must(s.t, json.Unmarshal([]byte(line), &one))
		all = append(all, strings.TrimSpace(jsonOf(one.ID)+" "+one.Code))
	}
	return strings.Join(all, ", ")
}

func jsonOf(v any) string { text, _ := json.Marshal(v); return string(text) }

// What is right by now is stored as if its sender had sent it again, and is a
// dead letter no more; what is wrong still stays the one that it was.
func TestDeadRetry(t *testing.T) {
	s := newSite(t, loopback...)
	now := time.Now()
	expired, err := message.Seal(hostContainer("m-6", `{"uqhost":"a"}`), message.Header{Iat: now.Unix() - 7200, Exp: now.Unix() - 3600}, s.pair)
	must(t, err)
	secret, err := message.Encrypt(s.seal("m-7", `{"uqhost":"secret"}`), s.pair.Public())
	must(t, err)
	forged, err := message.Encrypt(s.seal("m-9", `{}`), s.pair.Public())
	must(t, err)
	good := s.seal("m-1", `{"uqhost":"www1"}`)
	s.bury(
		queue.DeadLetter{Pattern: "push", Peer: "192.0.2.7", Code: "unknown_sender", Frame: good},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "unknown_sender", Frame: good},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.8", Code: "malformed", Frame: []byte(rubbish)},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: handler.Code, Frame: s.seal("m-4", `{"uqhost":"a"}`)},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "busy", Size: 1 << 30, Frame: s.seal("m-5", `{"uqhost":"a"}`)},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "busy", Frame: expired},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "denied", Frame: secret},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "denied", Frame: hostContainer("m-8", `{"uqhost":"bare"}`)},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "denied", Frame: forged},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Code: "busy", Frame: secret},
	)
	r := s.listen()
	one, err := r.retries("1", "1")
	must(t, err)
	if jsonOf(one) != `{"1":{"id":1,"message_id":"m-1","status":"stored","code":null,"reason":null}}` {
		t.Errorf("%s", jsonOf(one))
	}
	if got := s.dead(); strings.HasPrefix(got, "1 ") || strings.Count(got, ",") != 8 {
		t.Errorf("stored, and the dead letters are %s", got)
	}
	secrets, err := r.retries("7", "9")
	wantError(t, err, "1 of 2 are still dead letters")
	all, err := r.retries("--all")
	wantError(t, err, "6 of 8 are still dead letters")
	all[7] = secrets[7]
	for id, want := range map[int64][3]string{
		2: {"duplicate"}, 3: {"refused", "malformed"}, 4: {"not_sent", "", "handler gave it up"}, 5: {"not_sent", "", "not kept whole"},
		6: {"refused", "expired", "send it anew"}, 7: {"stored"}, 8: {"refused", "unsigned"}, 9: {"refused", "invalid_content", "uqhost"}, 10: {"duplicate"},
	} {
		got := all[id]
		if got.Status != want[0] || orText(textOf(got.Code), "") != want[1] || !strings.Contains(textOf(got.Reason), want[2]) {
			t.Errorf("%d: %s, want %v", id, jsonOf(got), want)
		}
	}
	if got, want := s.dead(), "3 malformed, 4 handler, 5 busy, 6 busy, 8 denied, 9 denied"; got != want {
		t.Errorf("the dead letters are %s, want %s", got, want)
	}
	stored := s.mustCLI("tail", "--json")
	if strings.Count(stored, "\n") != 2 || !strings.Contains(stored, `"sender":"`+string(s.pair.Digest())+`"`) || !strings.Contains(stored, `"encrypted":true,"container":{"host":{"message_id":"m-7"`) {
		t.Errorf("stored is\n%s", stored)
	}
	again, err := r.retries("--code", "malformed")
	wantError(t, err, "1 of 1")
	if len(again) != 1 || again[3].MessageID != nil || s.dead() != "3 malformed, 4 handler, 5 busy, 6 busy, 8 denied, 9 denied" {
		t.Errorf("%s, and the dead letters are %s", jsonOf(again), s.dead())
	}
	out, err := s.cli("dead", "retry", "3", "--to", r.endpoint)
	wantError(t, err, "1 of 1")
	if !strings.HasPrefix(out, "refused    3  no id: malformed") {
		t.Errorf("%q", out)
	}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// More than are sent at once, of which the half is refused again.
func TestDeadRetryMany(t *testing.T) {
	s := newSite(t, loopback...)
	const n = 2*courierAtOnce + 10
	var letters []queue.DeadLetter
	for i := range n {
		content := `{"uqhost":"a"}`
		if i%2 == 1 {
			content = `{}`
		}
		letters = append(letters, queue.DeadLetter{Code: "busy", Frame: s.seal(message.NewID(), content)})
	}
	s.bury(letters...)
	r := s.listen()
	for _, want := range []string{"69 of 138", "69 of 69"} {
		_, err := r.retries("--code", "busy")
		wantError(t, err, want)
	}
	if got := s.mustCLI("dead", "list", "--json"); strings.Count(got, "\n") != n/2 || strings.Contains(got, "invalid_content") {
		t.Errorf("the dead letters are\n%s", got)
	}
}

// Without a listener nothing changes, and the way out is told.
func TestDeadRetryNobody(t *testing.T) {
	s := refused(t)
	before := s.dead()
	_, err := s.cli("dead", "retry", "2", "--to", "tcp://127.0.0.1:1")
	wantError(t, err, "no listener at tcp://127.0.0.1:1", "cf-messaged run")
	_, err = s.cli("dead", "retry", "2", "77")
	wantError(t, err, "no such dead letter", "77")
	if after := s.dead(); after != before {
		t.Errorf("the dead letters were %s and are %s", before, after)
	}
	if out := s.mustCLI("dead", "retry", "--code", "busy"); out != "" {
		t.Errorf("of none it says %q", out)
	}
	for _, args := range [][]string{{}, {"x"}, {"1", "--all"}, {"--all", "--code", "denied"}, {"--code", "nosuch"}, {"--before", "yesterday"}} {
		for _, command := range []string{"retry", "purge"} {
			_, err := s.cli(append([]string{"dead", command}, args...)...)
			wantUsage(t, err, "dead "+command)
		}
	}
}

func TestDeadPurge(t *testing.T) {
	s := newSite(t, loopback...)
	now := time.Now()
	for _, c := range []struct {
		args, out, left string
	}{
		{"2 5 2", "2 purged, 4 left\n", "1 denied, 3 busy, 4 busy, 6 denied"},
		{"--code busy", "2 purged, 4 left\n", "1 denied, 2 malformed, 5 malformed, 6 denied"},
		{"--before 40h", "3 purged, 3 left\n", "4 busy, 5 malformed, 6 denied"},
		{"--before " + now.Add(-30*time.Hour).UTC().Format(time.RFC3339), "4 purged, 2 left\n", "5 malformed, 6 denied"},
		{"--code denied --before 2d", "1 purged, 5 left\n", "2 malformed, 3 busy, 4 busy, 5 malformed, 6 denied"},
		{"--code handler", "0 purged, 6 left\n", "1 denied, 2 malformed, 3 busy, 4 busy, 5 malformed, 6 denied"},
		{"--all --json", `{"left":0,"purged":6}` + "\n", ""},
	} {
		s := newSite(t, loopback...)
		var letters []queue.DeadLetter
		for i, code := range []string{"denied", "malformed", "busy", "busy", "malformed", "denied"} {
			letters = append(letters, queue.DeadLetter{ReceivedAt: now.Add(time.Duration(i-6) * 12 * time.Hour), Code: code, Frame: []byte("x")})
		}
		s.bury(letters...)
		if out := s.mustCLI(append([]string{"dead", "purge"}, strings.Fields(c.args)...)...); out != c.out {
			t.Errorf("purge %s says %q, want %q", c.args, out, c.out)
		}
		if got := s.dead(); got != c.left {
			t.Errorf("purge %s leaves %s, want %s", c.args, got, c.left)
		}
	}
	s.bury(queue.DeadLetter{Code: "busy", Frame: []byte("x")})
	_, err := s.cli("dead", "purge", "1", "77")
	wantError(t, err, "no such dead letter", "77")
	if got := s.dead(); got != "1 busy" {
		t.Errorf("one of two is not there, and left are %s", got)
	}
}

// A listener that wants each host's own connection lets its own bring what others
// signed where its digest is among the relays.
func TestDeadRetryByCurve(t *testing.T) {
	for _, c := range []struct{ curve, relays, want string }{
		{curveAny, "[]", "stored"},
		{curveEnrolled, "[]", "refused"},
		{curveEnrolled, "[%s]", "stored"},
	} {
		s, port := newSite(t), ports.Free(t)
		relays := strings.ReplaceAll(c.relays, "%s", string(s.pair.Digest()))
		s.write("listeners: [{pattern: request, bind: ['tcp://127.0.0.1:"+port+"'], curve: "+c.curve+", relays: "+relays+"}]",
			"feeds: {host: {from: trusted}, curve_key: {from: trusted}}")
		s.mustCLI("init")
		s.bury(queue.DeadLetter{Code: "unknown_sender", Frame: s.trusts("node", "").seal("host", `{"uqhost":"www1"}`)})
		s.listen()
		out, err := s.cli("dead", "retry", "--all")
		if !strings.HasPrefix(out, c.want) || (err != nil) != (c.want == "refused") || err != nil && !strings.Contains(out, "relays") {
			t.Errorf("curve %s, relays %s: %s, %v", c.curve, relays, out, err)
		}
	}
}
