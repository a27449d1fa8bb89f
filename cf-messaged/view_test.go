package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// What a host says is in the views that the command line shows.
func TestViewCommand(t *testing.T) {
	s := newSite(t)
	views := filepath.Join(s.dir, "views")
	must(t, os.Mkdir(views, 0o700))
	s.write(append(loopback, "views: "+views)...)
	must(t, os.WriteFile(filepath.Join(views, "names.yaml"), []byte("containers: {names: {sql: SELECT uqhost FROM host}}\n"), 0o600))
	r := s.listen()
	if got := r.send("one", `{"uqhost":"web1","domain":"a.nl","site":{"n":1.10}}`); got.Status != message.Stored {
		t.Fatalf("%+v", got)
	}
	digest := string(r.pair.Digest())
	const context = `{"host":{"uqhost":"web1","domain":"a.nl","site":{"n":1.10}},"merged":{"domain":"a.nl","site":{"n":1.10},"uqhost":"web1"}}` + "\n"
	for _, c := range []struct{ args, want string }{
		{"host_context --for " + digest, context},
		{"host_context --for web1 --json", context},
		{"host_context --for WEB1.a.nl", context},
		{"host_context --for " + digest + " --as-of 2020-01-01T00:00:00Z", `{"merged":{}}` + "\n"},
		{"names", `{"names":[{"uqhost":"web1"}]}` + "\n"},
		{"names --as-of " + time.Now().Add(time.Hour).Format(time.RFC3339), `{"names":[{"uqhost":"web1"}]}` + "\n"},
		{"zone --parameter domain=b.nl", `{"records":[]}` + "\n"},
	} {
		if got := r.mustCLI(append([]string{"view"}, strings.Fields(c.args)...)...); got != c.want {
			t.Errorf("%s:\n got %swant %s", c.args, got, c.want)
		}
	}
	for args, want := range map[string]string{
		"":                              "accepts 1 arg",
		"gone":                          `no view "gone"; there are: cmdb, host_context, hostgroups, names, zone`,
		"host_context":                  "name one, as --for web1.example.com",
		"names --as-of now":             "--as-of: expected a time as 2026-11-20T12:00:00Z",
		"zone":                          "parameter domain is missing; it has domain; give each as --parameter NAME=TEXT",
		"zone --parameter domain":       `--parameter: expected NAME=TEXT, as domain=example.com, found "domain"`,
		"names --parameter domain=a.nl": `there is no parameter "domain"; it has none`,
	} {
		_, err := r.cli(append([]string{"view"}, strings.Fields(args)...)...)
		wantUsage(t, err, want)
	}
	_, err := r.cli("view", "host_context", "--for", "web2")
	wantError(t, err, `no host calls itself "web2"`)
}

func TestViewCommandBefore(t *testing.T) {
	s := newSite(t, loopback...)
	_, err := s.cli("view", "cmdb")
	wantError(t, err, "a listener makes it when it first runs")
}
