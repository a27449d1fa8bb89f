package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/queue"
)

const rubbish = "\x1b[2J\u009b\xff rubbish"

// refused is a site with a message stored and others refused.
func refused(t *testing.T) *site {
	t.Helper()
	s := newSite(t, loopback...)
	s.fill(queue.Message{Pattern: "request", Peer: "192.0.2.7", Sender: string(s.pair.Digest()), Schema: "host", Version: "1.0",
		MessageID: "m-1", IssuedAt: 1, Seq: 2, Frame: s.seal("m-1", `{"uqhost":"www1"}`)})
	s.bury(
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.8", Code: "malformed", Reason: "\x1b[31mred", Frame: []byte(rubbish)},
		queue.DeadLetter{Pattern: "request", Peer: "192.0.2.7", Sender: string(s.pair.Digest()), Code: "denied", Reason: "not here", Frame: s.seal("m-1", `{"uqhost":"www1"}`)},
		queue.DeadLetter{Pattern: "push", Peer: "192.0.2.9", Code: "unsigned", Reason: "bare", Frame: hostContainer("m-2", `"`+strings.Repeat("x", 2<<20)+`"`)},
		queue.DeadLetter{Pattern: "push", Peer: "192.0.2.9", Code: "too_large", Reason: "long", Size: 1 << 30},
	)
	return s
}

func TestDeadList(t *testing.T) {
	s := refused(t)
	out := s.mustCLI("dead", "list")
	if strings.ContainsAny(out, "\x1b\u009b") || !hasLine(out, "1 ", "malformed", "192.0.2.8", "not proved", `\x1b[31mred`) || !hasLine(out, "4 ", "too_large", "1073741824") {
		t.Errorf("%q", out)
	}
	if !hasLine(out, "2 ", "denied", string(s.pair.Digest()), "not here") || strings.Count(out, "\n") != 5 {
		t.Errorf("%s", out)
	}
	lines := strings.Split(strings.TrimSpace(s.mustCLI("dead", "list", "--json")), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines", len(lines))
	}
	var m map[string]any
	must(t, json.Unmarshal([]byte(lines[0]), &m))
	if m["received_at"] == nil {
		t.Error("no received_at")
	}
	delete(m, "received_at")
	want := map[string]any{"id": 1.0, "pattern": "request", "peer": "192.0.2.8", "sender": nil, "code": "malformed", "reason": "\x1b[31mred", "size": float64(len(rubbish))}
	if fmt.Sprint(m) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", m, want)
	}
	if !strings.Contains(lines[1], `"sender":"`+string(s.pair.Digest())+`"`) {
		t.Error(lines[1])
	}
}

func TestDeadShow(t *testing.T) {
	s := refused(t)
	out := s.mustCLI("dead", "show", "1")
	if strings.ContainsAny(out, "\x1b\u009b") || !strings.Contains(out, fmt.Sprintf(`%d bytes: \x1b[2J\u009b\xff rubbish`, len(rubbish))) || !hasLine(out, "sender", "not proved") {
		t.Errorf("%q", out)
	}
	var m map[string]any
	must(t, json.Unmarshal([]byte(s.mustCLI("dead", "show", "1", "--json")), &m))
	if m["frame"] != encoded(rubbish) || m["code"] != "malformed" {
		t.Errorf("%v", m)
	}
	_, err := s.cli("dead", "show", "77")
	wantError(t, err, "no such dead letter", "77")
	for _, args := range [][]string{{"dead"}, {"dead", "show"}, {"dead", "show", "x"}, {"dead", "show", "1", "2"}, {"dead", "list", "1"}, {"dead", "nosuch"}} {
		_, err := s.cli(args...)
		wantUsage(t, err)
	}
}

// show finds what is stored and what was refused, by the id inside.
func TestShow(t *testing.T) {
	s := refused(t)
	out := s.mustCLI("show", "m-1")
	for _, words := range [][]string{{"message", "m-1"}, {"stored", "position 1"}, {"sender", string(s.pair.Digest())}, {"peer", "192.0.2.7 (request)"},
		{"schema", "host 1.0"}, {"container", `{"uqhost":"www1"}`}, {"envelope", "eyJ"}, {"dead letter", "2"}, {"code", "denied"}} {
		if !hasLine(out, words...) {
			t.Errorf("no line with %q:\n%s", words, out)
		}
	}
	lines := strings.Split(strings.TrimSpace(s.mustCLI("show", "m-1", "--json")), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	var m map[string]any
	must(t, json.Unmarshal([]byte(lines[0]), &m))
	members := "position received_at pattern sender peer schema version message_id container envelope truth handlers"
	for _, name := range strings.Fields(members) {
		if _, there := m[name]; !there {
			t.Errorf("no member %s: %s", name, lines[0])
		}
	}
	if len(m) != len(strings.Fields(members)) || m["truth"] != "pending" || fmt.Sprint(m["handlers"]) != "[]" {
		t.Error(lines[0])
	}
	if !strings.Contains(lines[1], `"code":"denied"`) || !strings.Contains(lines[1], `"frame":`) {
		t.Error(lines[1])
	}
	// A refused one is found however large it is.
	if out := s.mustCLI("show", "m-2"); !hasLine(out, "code", "unsigned") || hasLine(out, "stored") {
		t.Errorf("%.300s", out)
	}
	_, err := s.cli("show", "m-3")
	wantError(t, err, `"m-3"`, "check the id")
	if isUsage(err) {
		t.Error("an unknown id is a usage error")
	}
	for _, args := range [][]string{{"show"}, {"show", "a", "b"}} {
		_, err := s.cli(args...)
		wantUsage(t, err, "--help")
	}
}

// Every dead letter is looked at, beyond a page too.
func TestEachDead(t *testing.T) {
	s := newSite(t, loopback...)
	var letters []queue.DeadLetter
	for i := range page + 10 {
		letters = append(letters, queue.DeadLetter{Code: "malformed", Frame: hostContainer(fmt.Sprint("m-", i), "1")})
	}
	s.bury(letters...)
	if n := strings.Count(s.mustCLI("dead", "list", "--json"), "\n"); n != len(letters) {
		t.Errorf("%d listed, want %d", n, len(letters))
	}
	if out := s.mustCLI("show", fmt.Sprint("m-", page+9)); !hasLine(out, "dead letter", fmt.Sprint(page+10)) {
		t.Error(out)
	}
}
