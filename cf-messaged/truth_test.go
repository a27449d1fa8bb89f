package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/truth"
)

// object reads a line of JSON.
func object(t testing.TB, line string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return o
}

// What a host says is true at once, what it said before is history, and each
// command tells it.
func TestTruth(t *testing.T) {
	r := newSite(t, loopback...).listen()
	sender := string(r.pair.Digest())
	for i, role := range []string{"web", "db"} {
		now := time.Now()
		h := message.Header{Iat: now.Unix(), Exp: now.Add(time.Hour).Unix(), Seq: uint64(2*i + 1)}
		frame, err := message.Seal(hostContainer(role, fmt.Sprintf(`{"uqhost":"a","fqhost":"a.example","role":"%s"}`, role)), h, r.pair)
		must(t, err)
		if got := request(t, r.client, r.endpoint, frame); got.Status != message.Stored {
			t.Fatalf("%+v", got)
		}
	}

	lines := strings.Split(strings.TrimSpace(r.mustCLI("history", "host", sender, "--json")), "\n")
	if len(lines) != 2 {
		t.Fatalf("history: %q", lines)
	}
	was, is := object(t, lines[0]), object(t, lines[1])
	if was["message_id"] != "web" || was["until"] != is["from"] || is["until"] != nil || is["sender"] != sender ||
		is["version"] != "1.0" || is["content"].(map[string]any)["role"] != "db" {
		t.Errorf("history: %v, %v", was, is)
	}
	text := r.mustCLI("history", "host", sender)
	if !strings.Contains(text, "web") || !strings.Contains(text, " now ") || text != r.mustCLI("history", "host", "A.example") {
		t.Errorf("history: %s", text)
	}
	for id, want := range map[string]string{"web": "superseded", "db": "applied"} {
		if got := object(t, r.mustCLI("show", id, "--json"))["truth"]; got != want {
			t.Errorf("show %s: %v, want %s", id, got, want)
		}
	}
	host := object(t, r.mustCLI("hosts", "--json"))
	if host["sender"] != sender || fmt.Sprint(host["names"]) != "[a.example a]" || host["messages"] != 2.0 || host["gaps"] != 1.0 || fmt.Sprint(host["stale"]) != "[]" {
		t.Errorf("hosts: %v", host)
	}
	if text := r.mustCLI("hosts"); !strings.Contains(text, "a.example a") {
		t.Errorf("hosts: %s", text)
	}
	exported := object(t, r.mustCLI("export"))
	if exported["schema"] != "host" || exported["entity"] != sender || exported["message_id"] != "db" {
		t.Errorf("export: %v", exported)
	}
	if out := r.mustCLI("export", "--schema", "domain") + r.mustCLI("export", "--as-of", "2020-01-01T00:00:00Z") + r.mustCLI("conflicts", "--json"); out != "" {
		t.Errorf("nothing expected: %s", out)
	}
	_, err := r.cli("export", "--as-of", "yesterday")
	wantUsage(t, err, "yesterday")
	_, err = r.cli("history", "host", "nobody")
	wantError(t, err, `no host calls itself "nobody"`, "cf-messaged hosts")
	_, err = r.cli("history", "domain", "nothing")
	wantError(t, err, "nothing is known", "nothing", "cf-messaged export --schema domain")
	for _, running := range []bool{true, false} {
		if !running {
			r.stop()
			must(t, r.wait())
		}
		if got := object(t, r.mustCLI("rebuild", "--json"))["messages"]; got != 2.0 {
			t.Errorf("rebuild: %v", got)
		}
		if got := r.mustCLI("export"); object(t, got)["message_id"] != "db" {
			t.Errorf("after a rebuild, with a listener: %t: %s", running, got)
		}
	}
	if r.log.line("is taken over") == "" {
		t.Error("the listener says nothing of the truth that it took over")
	}
}

// Two senders that claim one name are a conflict; unsigned ones go by address.
func TestConflictsCommand(t *testing.T) {
	s := newSite(t, loopback...)
	host := func(id, sender string) queue.Message {
		m := bare(id, "host", string(hostContainer(id, `{"uqhost":"a","fqhost":"a.example"}`)))
		m.Sender = sender
		return m
	}
	s.fill(host("one", "SHA="+strings.Repeat("1", 64)), host("two", ""))
	_, err := s.cli("conflicts")
	wantError(t, err, "there is none", "listener")
	if out := s.mustCLI("rebuild"); !strings.Contains(out, "2 messages") {
		t.Errorf("rebuild: %s", out)
	}
	c := object(t, s.mustCLI("conflicts", "--json"))
	entities, _ := c["entities"].([]any)
	if c["schema"] != "host" || c["property"] != "fqhost" || c["value"] != "a.example" || len(entities) != 2 {
		t.Fatalf("%v", c)
	}
	if e := entities[1].(map[string]any); e["entity"] != "unsigned:192.0.2.7" || e["sender"] != nil || e["message_id"] != "two" {
		t.Errorf("%v", e)
	}
	if text := s.mustCLI("conflicts"); strings.Count(text, `"a.example"`) != 2 || !strings.Contains(text, "unsigned:192.0.2.7") {
		t.Errorf("%s", text)
	}
}

// Who waits for a truth that is behind can give up.
func TestWaitForTruthEnds(t *testing.T) {
	s := newSite(t, loopback...)
	s.fill(bare("one", "host", string(hostContainer("one", `{"uqhost":"a"}`))))
	s.mustCLI("rebuild")
	s.fill(bare("two", "host", string(hostContainer("two", `{"uqhost":"b"}`))))
	r, err := truth.OpenReader(s.state)
	must(t, err)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if behind, err := waitForTruth(ctx, s.state, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d behind, %v", behind, err)
	}
}
