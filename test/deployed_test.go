package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/test/ports"
)

// deployed is a site as its policy makes it: a hub whose agent keeps the
// listener and puts the site data, and nodes that run the ready bundles.
type deployed struct {
	bin, dir, endpoint string
	hub                *member
	nodes              []*member
	config             string // of the listener
	state              string
}

// member is a host of the site: a work directory with keys and masterfiles, a
// root for the files that its policy keeps, and what it is.
type member struct {
	work, root   string
	digest       hostkey.Digest
	name, domain string
	role         string
	fqhost       string   // what it calls itself
	rack         string   // the site's own addition to what it tells
	timeout      int      // of each of its promises, which are made once more, in seconds
	said         []string // by its agent, run by run
}

// deploy lays the site out, by the names of its nodes. Nothing runs yet.
func deploy(t *testing.T, nodes ...*member) *deployed {
	t.Helper()
	d := &deployed{bin: needPrograms(t), dir: t.TempDir(), endpoint: "tcp://127.0.0.1:" + ports.Free(t), nodes: nodes}
	d.config, d.state = d.dir+"/etc/cf-messaged.yaml", d.dir+"/state"
	d.hub = &member{name: "hub"}
	for _, m := range append(nodes, d.hub) {
		if err := d.prepare(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range nodes {
		d.hubFile(t, "../ppkeys/"+m.name+".pub", read(t, m.work+"/ppkeys/localhost.pub"))
	}
	user := output(t, "id", "-un")
	d.hubFile(t, "def.json", jsonText(map[string]any{"vars": map[string]any{
		"messages_hub": map[string]any{"hub": "any", "bind": []string{d.endpoint}, "program": d.bin + "/cf-messaged",
			"source": d.hub.work + "/inputs/site-hub", "folder": d.dir + "/etc", "state": d.state, "keys": d.dir + "/keys",
			"user": user, "group": output(t, "id", "-gn"), "supervisor": "agent"},
		"messages_site_data": map[string]any{"on": "any", "program": d.bin + "/cf-messaged", "config": d.config,
			"copy": d.dir + "/etc/site-data", "user": user, "group": output(t, "id", "-gn")},
	}}))
	d.hubFile(t, "site-hub/cf-messaged.yaml.mustache", read(t, "../policy/hub/cf-messaged.yaml.mustache"))
	d.hubFile(t, "promises.cf", hubPolicy)
	t.Cleanup(func() { _ = d.signal(syscall.SIGKILL) })
	return d
}

// prepare makes a host with the ready bundles in its masterfiles.
func (d *deployed) prepare(m *member) error {
	m.work, m.root = filepath.Join(d.dir, m.name), filepath.Join(d.dir, m.name, "root")
	if err := errors.Join(makeNode(m.work, d.bin), os.MkdirAll(m.root+"/etc", 0o700)); err != nil {
		return err
	}
	pair, err := hostkey.ReadPair(m.work + "/ppkeys")
	if err != nil {
		return err
	}
	m.digest = pair.Digest()
	services := m.work + "/inputs/services/messages"
	return errors.Join(os.CopyFS(services, os.DirFS("../policy")),
		os.WriteFile(m.work+"/inputs/promises.cf", []byte(nodePolicy), 0o600))
}

// hubFile writes a file of the hub's masterfiles.
func (d *deployed) hubFile(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(d.hub.work, "inputs", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// run is a run of a node's agent, with what the node is now.
func (d *deployed) run(m *member) (string, error) {
	fqhost := m.fqhost
	if fqhost == "" {
		fqhost = m.name + "." + m.domain
	}
	sys := map[string]any{}
	for name, value := range map[string]string{"uqhost": m.name, "fqhost": fqhost, "domain": m.domain} {
		sys["default:sys."+name] = map[string]string{"value": value}
	}
	def := jsonText(map[string]any{
		"inputs":    []string{"services/messages/announce.cf", "services/messages/context.cf"},
		"variables": sys,
		"vars": map[string]any{"role": m.role, "messages_site": map[string]string{"rack": m.rack},
			"messages_announce": map[string]any{"tell": []string{"host", "network", "inventory"}},
			"messages_context":  map[string]string{"root": m.root}},
	})
	to := jsonText(map[string]any{"to": d.endpoint, "timeout": m.timeout, "retries": 1})
	err := errors.Join(os.WriteFile(m.work+"/inputs/def.json", []byte(def), 0o600),
		os.WriteFile(m.work+"/modules/promises/messages.json", []byte(to), 0o600))
	if err != nil {
		return "", err
	}
	return d.agent(m)
}

// agent runs a host's promises.cf, after cf-promises has accepted it.
func (d *deployed) agent(m *member) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	for _, args := range [][]string{{"cf-promises", "-f"}, {"cf-agent", "--no-lock", "--inform", "--file"}} {
		c := exec.CommandContext(ctx, args[0], append(args[1:], m.work+"/inputs/promises.cf")...)
		c.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+m.work, "HOME="+d.dir)
		c.WaitDelay = patience
		out, err := c.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%s: %s: %w\n%s", m.name, args[0], err, out)
		}
		if args[0] == "cf-agent" {
			return string(out), nil
		}
	}
	return "", nil
}

// command runs cf-messaged by the hub's configuration and gives what it prints.
func (d *deployed) command(args ...string) (string, error) {
	c := exec.Command(d.bin+"/cf-messaged", append(args, "--config", d.config)...)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("cf-messaged %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return string(out), err
}

// mustCommand fails the test where the command fails.
func (d *deployed) mustCommand(t *testing.T, args ...string) string {
	t.Helper()
	out, err := d.command(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signal sends a signal to the listener that the hub's agent started, and waits
// until it is gone. Nobody running is an error.
func (d *deployed) signal(s syscall.Signal) error {
	text, err := os.ReadFile(d.state + "/cf-messaged.pid")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if !d.isListener(pid) {
		return fmt.Errorf("process %d is not the listener: %w", pid, fs.ErrNotExist)
	}
	if err := syscall.Kill(pid, s); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); d.isListener(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("the listener does not end by %s", s)
		}
	}
	return nil
}

// isListener tells whether a process is this site's listener: its id may have
// been given to another one.
func (d *deployed) isListener(pid int) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // none of a process that has ended
	return strings.Contains(string(line), "cf-messaged") && strings.Contains(string(line), d.config)
}

// objects reads lines of JSON.
func objects[T any](t *testing.T, lines string) (all []T) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of what tests are made of
	}
	return string(text) + "\n"
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

const hubPolicy = `body common control
{
  inputs => { "services/messages/hub.cf", "services/messages/site_data.cf" };
  bundlesequence => { "messages_hub", "messages_site_data" };
}
`

const nodePolicy = `body common control
{
  inputs => { @(def.augments_inputs) };
  bundlesequence => { "run", "told" };
}

bundle agent run
{
  vars:
    "bundles"
      slist => sort(bundlesmatching(".*", "autorun"));

  methods:
    "$(bundles)"
      usebundle => "$(bundles)";
}

bundle agent told
{
  vars:
    "merged"
      string => "messages_context.view[merged]";

  reports:
    "told $($(merged)[uqhost]) $($(merged)[organisation]) $($(merged)[site][tier]) $($(merged)[site][rack])";
}
`
