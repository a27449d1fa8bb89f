package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// teller is a node whose real cf-agent promises what a file says, so that one
// policy, accepted once, says many things.
type teller struct {
	work, policy string
	usual        map[string]string // attributes of every promise
}

// tellerAttributes are those that a promise of a teller may have.
var tellerAttributes = []string{"message_id", "pattern", "to", "repeat", "timeout", "retries", "refresh", "priority", "reply_file", "content"}

// newTeller makes a node with the hub's own keys whose messages go to that
// endpoint. They have 20 seconds, for a machine that has much else to do, and one
// try.
func newTeller(t *testing.T, h *hub, endpoint string) *teller {
	t.Helper()
	a := &teller{work: twin(t, h.dir+"/hub"), usual: map[string]string{"pattern": "request", "to": endpoint, "repeat": "changed",
		"timeout": "20", "retries": "0", "refresh": "1440", "priority": "2", "reply_file": h.dir + "/view.json"}}
	err := errors.Join(os.MkdirAll(a.work+"/inputs", 0o700), os.MkdirAll(a.work+"/state", 0o700), os.Symlink("/usr/bin", a.work+"/bin"))
	if err != nil {
		t.Fatal(err)
	}
	a.policy = a.accept(t, "tell.cf", tellerPolicy(""))
	return a
}

// tellerPolicy promises each member of the file say.json, with an action body
// where one is given.
func tellerPolicy(action string) string {
	var b strings.Builder
	b.WriteString(`promise agent messages { path => "$(sys.workdir)/modules/promises/messages"; }

bundle agent __main__
{
  vars:
    "say" data => readjson("$(sys.inputdir)/say.json", "1M");
    "i" slist => getindices("say");

  messages:
    "$(i)"
      schema => "host"`)
	for _, name := range tellerAttributes {
		fmt.Fprintf(&b, ",\n      %s => \"$(say[$(i)][%[1]s])\"", name)
	}
	if action != "" {
		b.WriteString(",\n      action => how")
	}
	b.WriteString(`;

  reports:
    "the run goes on";
}
`)
	if action != "" {
		fmt.Fprintf(&b, "\nbody action how\n{\n  action_policy => \"%s\";\n}\n", action)
	}
	return b.String()
}

// accept has cf-promises look at a policy: cf-agent starts daemons on one that
// it does not accept.
func (a *teller) accept(t *testing.T, name, text string) (file string) {
	t.Helper()
	file = filepath.Join(a.work, "inputs", name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command("timeout", "60", "cf-promises", "-f", file)
	check.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+a.work)
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("cf-promises: %v\n%s", err, out)
	}
	return file
}

// tale is what a run promises: attributes by promiser. A message has its
// promiser for an id, and says it, unless it says otherwise.
type tale map[string]map[string]string

// write puts the tale where the policy reads it.
func (a *teller) write(says tale) error {
	all := tale{}
	for promiser, given := range says {
		all[promiser] = map[string]string{"message_id": promiser, "content": fmt.Sprintf(`{"uqhost":"%s"}`, promiser)}
		for _, attributes := range []map[string]string{a.usual, given} {
			for name, value := range attributes {
				all[promiser][name] = value
			}
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.work, "inputs", "say.json"), data, 0o600)
}

// command is a run of cf-agent that tells what write has written.
func (a *teller) command(ctx context.Context, options ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "cf-agent", append([]string{"--no-lock", "--inform", "--color=never", "--file", a.policy}, options...)...)
	c.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+a.work)
	c.WaitDelay = patience
	return c
}

// tell is a whole run of cf-agent, and gives what it prints.
func (a *teller) tell(t *testing.T, says tale, options ...string) string {
	t.Helper()
	if err := a.write(says); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := a.command(ctx, options...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "CRITICAL") || !strings.Contains(string(out), "the run goes on") {
		t.Fatalf("cf-agent: %v\n%s", err, out)
	}
	return string(out)
}

// waiting lists the ids of what lies in the outbox, and of what was dropped
// from it.
func (a *teller) waiting() (waits, dropped map[string]bool, err error) {
	list := exec.Command(a.work+"/modules/promises/messages", "outbox", "list", "--json")
	list.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+a.work)
	out, err := list.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("messages outbox list: %w: %s", err, out)
	}
	waits, dropped = map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var l struct {
			MessageID string    `json:"message_id"`
			DroppedAt time.Time `json:"dropped_at"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, nil, fmt.Errorf("messages outbox list says %q: %w", line, err)
		}
		if l.DroppedAt.IsZero() {
			waits[l.MessageID] = true
		} else {
			dropped[l.MessageID] = true
		}
	}
	return waits, dropped, nil
}

// state is the folder of what the module keeps.
func (a *teller) state() string { return a.work + "/state/messages" }

// modules are the processes of the node's module that run now.
func (a *teller) modules() (all []*os.Process) {
	files, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, file := range files {
		if program, err := os.Readlink(file); err != nil || program != a.work+"/modules/promises/messages" {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/exe", &pid); err == nil {
			p, _ := os.FindProcess(pid) // never fails on Unix
			all = append(all, p)
		}
	}
	return all
}

// storedIDs counts what the hub's queue holds, by message id.
func (h *hub) storedIDs(t *testing.T) map[string]int {
	t.Helper()
	all, err := h.stored("")
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, m := range all {
		times[m.MessageID]++
	}
	return times
}
