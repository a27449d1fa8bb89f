package test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// modes are the ways in which a run changes nothing: options of cf-agent, or
// the promise's action_policy.
var modes = []struct {
	name, action string
	options      []string
}{
	{name: "dry-run", options: []string{"--dry-run"}},
	{name: "simulate diff", options: []string{"--simulate=diff"}},
	{name: "simulate manifest", options: []string{"--simulate=manifest"}},
	{name: "simulate manifest-full", options: []string{"--simulate=manifest-full"}},
	{name: "action_policy warn", action: "warn"},
	{name: "action_policy nop", action: "nop"},
}

// TestModesThatChangeNothing runs the real agent in each mode on a node that
// holds each sort of state: nothing was sent yet, the listener holds it, it has
// changed since, refresh has passed, it waits in the outbox. What would be sent
// is a warning, the rest silence; not a connection is made, and not a file of
// the state is touched.
func TestModesThatChangeNothing(t *testing.T) {
	h := newHub(t, "request")
	h.start(t)
	w := newWire(t, h.endpoints["request"])
	a := newTeller(t, h, w.endpoint)
	for _, m := range modes { // before there is any state
		says := tale{"new": nil}
		a.unchanged(t, w, m.action, m.options, says, "new")
	}
	a.tell(t, tale{"held": nil, "changed": nil, "old": nil})
	always(fromNode, cut)(t, w, a)
	a.tell(t, tale{"waits": nil, "late": {"pattern": "async_request"}, "happened": {"repeat": "always"}})
	w.fault(func(heading) fate { return passes })
	says := tale{"held": nil, "changed": {"content": `{"uqhost": "other"}`}, "old": {"refresh": "0"},
		"waits": nil, "late": {"pattern": "async_request"}, "happened": {"repeat": "always"}, "new": nil}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			a.unchanged(t, w, m.action, m.options, says, "changed", "old", "waits", "late", "happened", "new")
		})
	}
	if waits, _, err := a.waiting(); err != nil || len(waits) != 3 {
		t.Errorf("there wait %v, %v", waits, err)
	}
}

// unchanged makes a run in which these promises, and no others, are warned of.
func (a *teller) unchanged(t *testing.T, w *wire, action string, options []string, says tale, warned ...string) {
	t.Helper()
	if action != "" {
		usual := a.policy
		a.policy = a.accept(t, "mode.cf", tellerPolicy(action))
		defer func() { a.policy = usual }()
	}
	before, connections := listing(t, a.state()), w.connections.Load()
	out := a.tell(t, says, options...)
	for _, id := range warned {
		if !matches(out, `warning: .*Message ID should be sent to tcp://`, id) {
			t.Errorf("there is no warning of %s:\n%s", id, out)
		}
	}
	if n := strings.Count(out, "warning: Message"); n != len(warned) || strings.Contains(out, "error:") || strings.Contains(out, "info: Message") {
		t.Errorf("%d warnings, expected %d, and no more:\n%s", n, len(warned), out)
	}
	if after := listing(t, a.state()); after != before {
		t.Errorf("the state was\n%s\nand is\n%s", before, after)
	}
	if n := w.connections.Load() - connections; n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// listing is every file below a folder, with size, mode and time.
func listing(t *testing.T, folder string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.Mode(), info.ModTime().Format(time.RFC3339Nano))
		}
		return err
	})
	if err != nil && b.Len() > 0 { // else the folder is not there
		t.Fatal(err)
	}
	return b.String()
}
