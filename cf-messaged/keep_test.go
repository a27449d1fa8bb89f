package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// cliTold is cli with what was told on stderr.
func (s *site) cliTold(args ...string) (stdout, stderr string, err error) {
	s.t.Helper()
	var out, told bytes.Buffer
	c := command()
	c.SetArgs(append([]string{"--config", s.config}, args...))
	c.SetOut(&out)
	c.SetErr(&told)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = c.ExecuteContext(ctx)
	return out.String(), told.String(), err
}

func kept(age string, more ...string) []string {
	return append([]string{"listeners:", "  - {pattern: request, bind: [tcp://127.0.0.1:0]}",
		"feeds:", "  host:", "    from: trusted", "    keep: " + age}, more...)
}

// Dead letters are never kept for ever, also where feeds keep everything.
func TestDeadLettersGrowOld(t *testing.T) {
	r := newSite(t, append(loopback, "limits: {dead_letters: 2s}")...).listen()
	began := time.Now()
	if got := r.send("m1", `{"uqhost":7}`); got.Code != message.InvalidContent {
		t.Fatalf("%+v", got)
	}
	await(t, "no dead letter", func() bool { return r.mustCLI("dead", "list", "--json") == "" })
	if age := time.Since(began); age < 2*time.Second {
		t.Errorf("it left after %s", age)
	}
}

// What is no longer true leaves, is known all the same, and whoever asks for it
// hears so; what is true stays, however old.
func TestKeep(t *testing.T) {
	r := newSite(t, kept("1s")...).listen()
	sender := string(r.pair.Digest())
	began := time.Now()
	say := func(id string) message.Status {
		t.Helper()
		return r.send(id, `{"uqhost":"a"}`).Status
	}
	for i := range 5 {
		if got := say(fmt.Sprint("m", i)); got != message.Stored {
			t.Fatalf("%s", got)
		}
	}
	show := func(id string) map[string]any {
		t.Helper()
		return object(t, r.mustCLI("show", id, "--json"))
	}
	await(t, "message that leaves", func() bool { return show("m3")["truth"] == "left" })
	if age := time.Since(began); age < time.Second {
		t.Errorf("it left after %s", age)
	}
	if got := show("m3"); got["position"] != 4.0 || got["sender"] != sender || got["schema"] != "host" {
		t.Errorf("show: %v", got)
	}
	if text := r.mustCLI("show", "m3"); !strings.Contains(text, "position 4") || !strings.Contains(text, "feeds.host.keep") {
		t.Errorf("show: %s", text)
	}
	if got := show("m4")["truth"]; got != "applied" {
		t.Errorf("the newest is %s", got)
	}
	if got := say("m3"); got != message.Duplicate {
		t.Errorf("sent again: %s", got)
	}
	_, err := r.cli("show", "nosuch")
	wantError(t, err, "4 messages of schema host that left")
	for args, want := range map[string]string{
		"tail":                        `"m4"`,
		"history host " + sender:      "m4",
		"export --as-of " + sinceText: "",
	} {
		out, told, err := r.cliTold(strings.Fields(args)...)
		if err != nil || !strings.Contains(out, want) || strings.Count(out, "\n") > 2 || !strings.Contains(told, "4 messages of schema host left") {
			t.Errorf("%s: %s\n%s\n%v", args, out, told, err)
		}
	}
	if _, told, err := r.cliTold("tail", "-n", "1"); err != nil || told != "" {
		t.Errorf("a tail that lacks nothing: %s, %v", told, err)
	}
	if host := object(t, r.mustCLI("hosts", "--json")); host["messages"] != 5.0 {
		t.Errorf("hosts: %v", host)
	}
	before := r.mustCLI("export") + r.mustCLI("hosts", "--json")
	r.stop()
	must(t, r.wait())
	if got := object(t, r.mustCLI("rebuild", "--json"))["messages"]; got != 1.0 {
		t.Errorf("rebuild: %v", got)
	}
	if after := r.mustCLI("export") + r.mustCLI("hosts", "--json"); after != before {
		t.Errorf("rebuilt:\n%s\nwas:\n%s", after, before)
	}
}

const sinceText = "2020-01-01T00:00:00Z"

// Nothing leaves that a handler has still to do; SIGHUP takes keep over.
func TestKeepWaitsForHandlers(t *testing.T) {
	s := newSite(t, "")
	script := filepath.Join(s.dir, "handler")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\ntest -e "+s.dir+"/open\n"), 0o700))
	handled := "    handlers: [{exec: [" + script + "], tries: 1000}]"
	other := []string{handled, "  domain: {from: trusted, keep: 1s}"}
	s.write(kept("3000d", other...)...)
	r := s.listen()
	for i := range 3 {
		r.send(fmt.Sprint("host", i), `{"uqhost":"a"}`)
	}
	s.write(kept("1s", other...)...)
	r.reload()
	for i := range 2 {
		now := time.Now()
		container := fmt.Appendf(nil, `{"domain":{"message_id":"domain%d","content":{"domain":"d"},"version":"1.0"}}`, i)
		frame, err := message.Seal(container, message.Header{Iat: now.Unix(), Exp: now.Add(time.Hour).Unix()}, s.pair)
		must(t, err)
		request(t, r.client, r.endpoint, frame)
	}
	truthOf := func(id string) any { return object(t, r.mustCLI("show", id, "--json"))["truth"] }
	await(t, "message that leaves", func() bool { return truthOf("domain0") == "left" })
	if got := truthOf("host0"); got != "superseded" { // older, and seen by the same pass
		t.Fatalf("with a handler that fails: %v", got)
	}
	must(t, os.WriteFile(s.dir+"/open", nil, 0o600))
	r.reload() // ends the back-off
	await(t, "message that leaves", func() bool { return truthOf("host0") == "left" })
}

// reload is a SIGHUP.
func (r *running) reload() {
	r.t.Helper()
	was := strings.Count(r.log.String(), `"reloaded"`)
	must(r.t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	await(r.t, "reload", func() bool { return strings.Count(r.log.String(), `"reloaded"`) > was })
}
