package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/webhuis/cfengine-messages/message"
)

// admins is a view of who may say domains: by the roles of the hosts.
const admins = `publish_on: [host]
containers: {hosts: {sql: "SELECT CASE role WHEN 'broken' THEN json('{') ELSE entity END AS digest FROM host WHERE role <> 'web'"}}
`

func newAdminSite(t *testing.T) *site {
	s := newSite(t)
	must(t, os.Mkdir(filepath.Join(s.dir, "views"), 0o700))
	s.put(filepath.Join(s.dir, "views", "admins.yaml"), admins)
	s.write("views: "+s.dir+"/views", "listeners: [{pattern: request, bind: ['tcp://127.0.0.1:0']}]",
		"feeds: {host: {from: trusted}, domain: {from: {view: admins}}}")
	return s
}

// mayPut tells whether the listener lets its own key say a domain.
func (r *running) mayPut() bool {
	r.t.Helper()
	out, err := r.putIn(`{"domain":"a.nl"}`, "domain", "-", "--force", "--to", r.endpoint)
	if err != nil && !strings.Contains(out, "denied") {
		r.t.Fatalf("%v: %s", err, out)
	}
	return err == nil
}

func (r *running) is(id, role string) {
	r.t.Helper()
	if got := r.send(id, `{"uqhost":"hub","role":"`+role+`"}`); got.Status != message.Stored {
		r.t.Fatalf("%+v", got)
	}
}

// A view says who may send: nobody before it yields somebody, from then on those,
// and no more who is not in it any longer.
func TestFromView(t *testing.T) {
	s := newAdminSite(t)
	r := s.listen()
	if r.mayPut() {
		t.Error("nobody is in the view, and may")
	}
	out, _ := r.putIn(`{"domain":"a.nl"}`, "domain", "-", "--to", r.endpoint)
	if want := "feeds.domain.from: admins does not yield this listener's own key " + string(r.pair.Digest()); !strings.Contains(out, want) {
		t.Errorf("%s", out)
	}
	r.is("m-1", "hub")
	await(t, "right", r.mayPut)

	// A view that cannot be asked takes nobody's right, and is told once.
	r.is("m-2", "broken")
	r.log.await(t, "cannot be asked: whom it yielded last may send")
	if !r.mayPut() {
		t.Error("the last good answer is gone")
	}
	r.is("m-3", "web")
	r.log.await(t, "is right again")
	await(t, "end of the right", func() bool { return !r.mayPut() })

	// What is true when it starts counts from the first message on.
	r.is("m-4", "hub")
	await(t, "right", r.mayPut)
	r.stop()
	must(t, r.wait())
	if n := strings.Count(r.log.String(), "cannot be asked"); n != 1 {
		t.Errorf("told %d times:\n%s", n, r.log)
	}
	if again := s.listen(); !again.mayPut() {
		t.Error("after a restart it may not at once")
	}
}

// A reload takes over another view, and refuses one that is not there.
func TestFromViewReload(t *testing.T) {
	s := newAdminSite(t)
	r := s.listen()
	r.is("m-1", "hub")
	await(t, "right", r.mayPut)
	reload := func(says string, change ...string) {
		t.Helper()
		data, err := os.ReadFile(s.config)
		must(t, err)
		s.put(s.config, strings.NewReplacer(change...).Replace(string(data)))
		must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		r.log.await(t, says)
	}
	reload(`no view \"others\"`, "admins", "others")
	if r.log.line("reload refused") == "" {
		t.Error("it was not refused")
	}
	s.put(filepath.Join(s.dir, "views", "others.yaml"), strings.Replace(admins, "<> 'web'", "= 'web'", 1))
	reload(`"reloaded"`)
	if r.mayPut() {
		t.Error("the old view counts")
	}
	r.is("m-2", "web")
	await(t, "right by the new view", r.mayPut)
}

// What is wrong with a view is told once, however often it is asked.
func TestViewTroubleIsToldOnce(t *testing.T) {
	log := new(logged)
	a := admission{log: slog.New(slog.NewJSONHandler(log, nil)), told: map[string]string{}}
	for range 3 {
		a.tell("admins", 0, errors.New("disk I/O error"))
	}
	for others := range 3 {
		a.tell("admins", others+1, nil)
	}
	for range 3 {
		a.tell("admins", 0, nil)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, want := range []string{"disk I/O error", "count for nothing", "right again"} {
		if len(lines) != 3 || !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "admins") {
			t.Fatalf("%q", lines)
		}
	}
}
