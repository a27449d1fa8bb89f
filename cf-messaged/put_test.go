package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/zmq"
)

// siteFeeds let this listener's own key say site data.
var siteFeeds = []string{
	"listeners:", "  - {pattern: request, bind: [tcp://127.0.0.1:0]}",
	"feeds:", "  host: {from: trusted}", "  domain: {from: [self]}", "  dns: {from: [self]}", "  role: {from: []}",
}

// putIn is put with something on stdin.
func (s *site) putIn(stdin string, args ...string) (stdout string, err error) {
	s.t.Helper()
	var out bytes.Buffer
	c := command()
	c.SetArgs(append([]string{"--config", s.config, "put"}, args...))
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&out)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = c.ExecuteContext(ctx)
	return out.String(), err
}

func (r *running) domain(content string, more ...string) string {
	r.t.Helper()
	out, err := r.putIn(content, append([]string{"domain", "-", "--to", r.endpoint}, more...)...)
	must(r.t, err)
	return out
}

// What is put is the truth, by the listener's own word, and is not sent again
// while it is.
func TestPut(t *testing.T) {
	r := newSite(t, siteFeeds...).listen()
	for _, c := range []struct {
		content, more, want string
	}{
		{`{"domain":"a.nl","contact":"me"}`, "--dry-run", "valid      -  domain a.nl\n"},
		{`{"domain":"a.nl","contact":"me"}`, "", "stored     -  domain a.nl\n"},
		{"{\n \"contact\": \"me\",\n \"domain\": \"a.\\u006el\"\n}\n", "", "unchanged  -  domain a.nl\n"},
		{`{"domain":"a.nl","contact":"me"}`, "--quiet", ""},
		{`{"domain":"a.nl","contact":"me"}`, "--dry-run", "unchanged  -  domain a.nl\n"},
		{`{"domain":"a.nl","contact":"you"}`, "--quiet", "stored     -  domain a.nl\n"},
		{`{"domain":"a.nl","contact":"me"}`, "", "stored     -  domain a.nl\n"},
		{`{"domain":"a.nl","contact":"me"}`, "--force", "stored     -  domain a.nl\n"},
		{`{"domain":"","contact":"me"}`, "--message-id one", "stored     -  domain \"\"\n"},
		{`{"domain":"","contact":"me"}`, "--message-id one --force", "duplicate  -  domain \"\"\n"},
		{`[{"domain":"b.nl"},{"domain":"c.nl"}]`, "--split", "stored     -[0]  domain b.nl\nstored     -[1]  domain c.nl\n"},
	} {
		if got := r.domain(c.content, strings.Fields(c.more)...); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.content, c.more, got, c.want)
		}
	}
	line := object(t, r.domain(`{"domain":"","contact":"you"}`, "--json"))
	for member, want := range map[string]any{"file": "-", "schema": "domain", "version": "1.0", "entity": "", "status": "stored", "code": nil, "reason": nil} {
		if got, there := line[member]; got != want || !there {
			t.Errorf("%s is %v, want %v", member, got, want)
		}
	}
	history := object(t, strings.Split(r.mustCLI("history", "domain", "", "--json"), "\n")[1])
	if history["message_id"] != line["message_id"] || history["sender"] != string(r.pair.Digest()) || history["content"].(map[string]any)["contact"] != "you" {
		t.Errorf("history: %v", history)
	}
	if n := strings.Count(r.mustCLI("tail"), "\n"); n != 8 {
		t.Errorf("%d messages:\n%s", n, r.mustCLI("tail"))
	}
}

// Nothing is sent where anything would be refused, and each refusal says what to
// do about it.
func TestPutRefused(t *testing.T) {
	r := newSite(t, siteFeeds...).listen()
	digest := string(r.pair.Digest())
	for _, c := range []struct {
		schema, content, more string
		says                  []string
	}{
		{"domain", `{"domain":`, "", []string{"refused    -  domain: malformed: "}},
		{"domain", `{"domain":"a","domain":"b"}`, "", []string{"malformed", "domain"}},
		{"domain", `{"dmn":"a"}`, "", []string{"refused    -  domain: invalid_content: ", "domain"}},
		{"domain", `[{"domain":"a"}]`, "", []string{"invalid_content", "--split makes a message of each element"}},
		{"domain", `[{"domain":"a"},{"domain":"a"}]`, "--split", []string{"not_sent   -[0]  domain a\n", "refused    -[1]  domain a: -[0] says something of the same entity"}},
		{"domain", `[{"domain":"a"},{"domain":7}]`, "--split --dry-run", []string{"valid      -[0]  domain a\n", "refused    -[1]  domain: invalid_content"}},
		{"role", `{"domain":"a","role":"b"}`, "", []string{"denied: feeds.role.from in " + r.config, "role: {from: [self]}", digest, "reload"}},
		{"timezone", `{"domain":"a","timezone":"UTC"}`, "", []string{"unknown_schema: " + r.config + " has no feed for it: add timezone: {from: [self]}"}},
		{"domain", `{"domain":"a","site":{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`, "", []string{"malformed", "nest"}},
	} {
		out, err := r.putIn(c.content, append([]string{c.schema, "-", "--to", r.endpoint}, strings.Fields(c.more)...)...)
		wantError(t, err, "refused, and nothing was sent")
		for _, w := range c.says {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not say %q:\n%s", c.content, w, out)
			}
		}
	}
	if out := r.mustCLI("tail") + r.mustCLI("dead", "list", "--json"); out != "" {
		t.Errorf("something was sent: %s", out)
	}
}

// The listener has the last word, by the rules that it runs by.
func TestPutThroughTheGate(t *testing.T) {
	r := newSite(t, "listeners:", "  - {pattern: request, bind: [tcp://127.0.0.1:0]}", "feeds: {domain: {from: []}}").listen()
	r.write(siteFeeds...)
	for _, c := range []struct{ schema, content, want string }{
		{"domain", `{"domain":"a.nl"}`, "denied: the running listener does not let its own key " + string(r.pair.Digest()) + " in, and " + r.config + " does: reload the listener"},
		{"dns", `{"domain":"a.nl","nameservers":["192.0.2.53"]}`, "reload the listener"},
	} {
		out, err := r.putIn(c.content, c.schema, "-", "--to", r.endpoint)
		wantError(t, err, "1 of 1 refused")
		if !strings.Contains(out, c.want) {
			t.Errorf("%s: %s", c.schema, out)
		}
	}
	if out := r.mustCLI("dead", "list", "--json"); strings.Count(out, string(r.pair.Digest())) < 2 || r.mustCLI("tail") != "" {
		t.Errorf("dead letters: %s", out)
	}
}

// A folder is put whole, or not at all.
func TestPutAll(t *testing.T) {
	r := newSite(t, siteFeeds...).listen()
	folder := filepath.Join(r.dir, "sitedata")
	file := func(name, text string) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		r.put(filepath.Join(folder, name), text)
	}
	put := func(want string) {
		t.Helper()
		got, err := r.cli("put", "--all", folder, "--to", r.endpoint)
		if got != want {
			t.Errorf("%v\n%swant\n%s", err, got, want)
		}
		if strings.Contains(want, "refused") != (err != nil) {
			t.Error(err)
		}
	}
	file("README.md", "what this is")
	file(".git/config.json", "{")
	file("domain/README.md", "the domains")
	file("domain/a.json", `{"domain":"a.nl"}`)
	file("domain/north/b.json", `{"domain":"b.nl"}`)
	file("dns/a.json", `{"domain":"a.nl","nameservers":["192.0.2.53"]}`)
	file("dns/bad.json", `{"domain":"b.nl","nameservers":"none"}`)
	file("dsn/c.json", `{}`)
	out, err := r.cli("put", "--all", folder, "--to", r.endpoint)
	wantError(t, err, "2 of 5 refused, and nothing was sent")
	for _, w := range []string{"not_sent   dns/a.json  dns a.nl\n", "refused    dns/bad.json  dns: invalid_content", "refused    dsn/c.json  dsn: unknown_schema"} {
		if !strings.Contains(out, w) {
			t.Errorf("it does not say %q:\n%s", w, out)
		}
	}
	must(t, os.RemoveAll(filepath.Join(folder, "dsn")))
	must(t, os.Remove(filepath.Join(folder, "dns/bad.json")))
	put("stored     dns/a.json  dns a.nl\nstored     domain/a.json  domain a.nl\nstored     domain/north/b.json  domain b.nl\n")
	put("unchanged  dns/a.json  dns a.nl\nunchanged  domain/a.json  domain a.nl\nunchanged  domain/north/b.json  domain b.nl\n")
	file("domain/a.json", `{"domain":"a.nl","contact":"me"}`)
	must(t, os.Symlink(folder, r.dir+"/link"))
	folder = r.dir + "/link"
	put("unchanged  dns/a.json  dns a.nl\nstored     domain/a.json  domain a.nl\nunchanged  domain/north/b.json  domain b.nl\n")

	for name, want := range map[string]string{"domain/x.yaml": "site data is JSON", "x.json": "move it to <schema>/x.json"} {
		file(name, "{}")
		_, err := r.cli("put", "--all", folder, "--to", r.endpoint)
		wantError(t, err, name, want)
		must(t, os.Remove(filepath.Join(folder, name)))
	}
	must(t, os.Symlink(r.dir, filepath.Join(folder, "dns/more")))
	_, err = r.cli("put", "--all", folder, "--to", r.endpoint)
	wantError(t, err, "dns/more", "not followed")
}

// Many messages are under way at once, and told in their order.
func TestPutMany(t *testing.T) {
	r := newSite(t, siteFeeds...).listen()
	const n = 3*courierAtOnce + 1
	var contents, want []string
	for i := range n {
		contents = append(contents, fmt.Sprintf(`{"domain":"d%d.nl"}`, i))
		want = append(want, fmt.Sprintf("stored     -[%d]  domain d%d.nl\n", i, i))
	}
	all := "[" + strings.Join(contents, ",") + "]"
	if got := r.domain(all, "--split"); got != strings.Join(want, "") {
		t.Errorf("%s", got)
	}
	if got := r.domain(all, "--split", "--quiet"); got != "" {
		t.Errorf("again: %s", got)
	}
}

// Where nobody listens, or somebody else, nothing counts as stored.
func TestPutNotDelivered(t *testing.T) {
	s := newSite(t, siteFeeds...)
	two := `[{"domain":"a.nl"},{"domain":"b.nl"}]`
	out, err := s.putIn(two, "domain", "-", "--split", "--to", "tcp://127.0.0.1:1")
	wantError(t, err, "no listener at tcp://127.0.0.1:1: start it (cf-messaged run), or name where it is reached with --to")
	if out != "not_sent   -[0]  domain a.nl\nnot_sent   -[1]  domain b.nl\n" {
		t.Error(out)
	}

	impostor, err := zmq.Listen(zmq.ServerOptions{Binds: []string{"tcp://127.0.0.1:0"}})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- impostor.Serve(ctx, func(q zmq.Request) {
			q.Reply([]byte(`{"receipt":{"message_id":"one","content":{"status":"stored"},"version":"1.0"}}`))
		})
	}()
	out, err = s.putIn(`{"domain":"a.nl"}`, "domain", "-", "--message-id", "one", "--to", impostor.Endpoints()[0])
	wantError(t, err, "no receipt of a listener whose key is trusted here: it is not signed")
	if !strings.HasPrefix(out, "failed     -  domain a.nl: ") {
		t.Error(out)
	}
	stop()
	must(t, <-ended)
}

func TestPutUsage(t *testing.T) {
	s := newSite(t, siteFeeds...)
	for args, want := range map[string]string{
		"":                          "expected a schema and files",
		"domain":                    "expected a schema and files",
		"--all x domain -":          "--all takes a folder",
		"--all x --version 1.0":     "--version goes with one schema",
		"nosuch -":                  `no schema "nosuch"`,
		"domain - --version 9.9":    "9.9",
		"domain -":                  "is any free port: name where the listener is reached with --to",
		"domain - --to 127.0.0.1":   "endpoint",
		"domain - - --message-id x": "--message-id is of one message, and these are 2",
		"domain - --frobnicate":     "unknown flag",
	} {
		_, err := s.putIn(`{"domain":"a"}`, strings.Fields(args)...)
		wantUsage(t, err, want)
	}
	must(t, os.Mkdir(s.dir+"/empty", 0o700))
	_, err := s.putIn("", "--all", s.dir+"/empty")
	wantUsage(t, err, "there is nothing to put")
	_, err = s.putIn("", "--all", s.dir+"/gone")
	wantError(t, err, "gone", "no such file")
	_, err = s.putIn("", "domain", s.dir+"/gone")
	wantError(t, err, "gone", "no such file")
}

func TestReach(t *testing.T) {
	for binds, want := range map[string]string{
		"tcp://127.0.0.1:5309":                "tcp://127.0.0.1:5309",
		"tcp://*:5309":                        "tcp://127.0.0.1:5309",
		"tcp://0.0.0.0:5309":                  "tcp://127.0.0.1:5309",
		"tcp://[::]:5309":                     "tcp://[::1]:5309",
		"tcp://hub.example.com:5309 ipc:///x": "tcp://hub.example.com:5309",
		"ipc:///run/x":                        "ipc:///run/x",
	} {
		c := Config{Listeners: []Socket{{Pattern: "push", Bind: Endpoints{"tcp://127.0.0.1:1"}}, {Pattern: "request", Connect: Endpoints{"ipc:///y"}}, {Pattern: "request", Bind: strings.Fields(binds)}}}
		if got, err := c.reach(""); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", binds, got, err, want)
		}
	}
	c := Config{Listeners: []Socket{{Pattern: "push", Bind: Endpoints{"tcp://127.0.0.1:1"}}}}
	_, err := c.reach("")
	wantError(t, err, "no listener of pattern request binds")
}
