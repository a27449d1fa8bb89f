package promise

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// An agent is a real cf-agent with a work directory of its own.
type agent struct {
	*testing.T
	dir    string
	module string // the path of the test binary, which is the module
}

const agentTimeout = 60 * time.Second

// newAgent makes the work directory: without bin and a key in it cf-agent falls back
// to its failsafe policy, which starts daemons.
func newAgent(t *testing.T) agent {
	t.Helper()
	cfAgent, err := exec.LookPath("cf-agent")
	if err != nil {
		t.Skip("cf-agent is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := agent{t, t.TempDir(), ""}
	a.link(filepath.Dir(cfAgent), "bin")
	a.module = a.link(self, "script_module")
	a.mustRun("cf-key")
	return a
}

func (a agent) link(target, name string) string {
	a.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.Symlink(target, path); err != nil {
		a.Fatal(err)
	}
	return path
}

func (a agent) write(name, text string) string {
	a.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		a.Fatal(err)
	}
	return path
}

// command is a CFEngine program in the work directory, killed after a minute.
func (a agent) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), agentTimeout)
	a.Cleanup(cancel)
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = a.dir
	c.WaitDelay = 5 * time.Second
	c.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+a.dir, "HOME="+a.dir, "PROMISE_TEST_MODULE=1",
		"GORACE=atexit_sleep_ms=0") // a module under the race detector would sleep for a second at its end
	return c
}

func (a agent) mustRun(name string, args ...string) string {
	a.Helper()
	out, err := a.command(name, args...).CombinedOutput()
	if err != nil {
		a.Fatalf("%s %q: %v\n%.5000s", name, args, err, out)
	}
	return string(out)
}

// policy writes a policy, where MODULE is the module's path and DIR the work
// directory, and has it checked: a bad one would start daemons.
func (a agent) policy(text string) string {
	a.Helper()
	text = strings.NewReplacer("MODULE", a.module, "DIR", a.dir).Replace(text)
	path := a.write("policy.cf", text)
	a.mustRun("cf-promises", "-f", path)
	return path
}

// run evaluates a policy without regard to locks, and returns what the agent said.
func (a agent) run(policy string, args ...string) string {
	a.Helper()
	return a.mustRun("cf-agent", append([]string{"-K", "-I", "-f", a.policy(policy)}, args...)...)
}

// says fails the test for each text that out lacks, and for a bug that the agent
// sees in the module.
func (a agent) says(out string, texts ...string) {
	a.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			a.Errorf("the agent does not say %q:\n%.5000s", text, out)
		}
	}
	if strings.Contains(out, "Bug in promise module") || strings.Contains(out, "invalid JSON") || strings.Contains(out, "invalid/incomplete") {
		a.Errorf("the agent complains of the module:\n%.5000s", out)
	}
}

// classes returns the last of the lists of classes that the policy reports.
func (a agent) classes(out string) string {
	a.Helper()
	all := regexp.MustCompile(`(?m)^(?:R:|.*Need to repair reports promise:) CLASSES (.*)$`).FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		a.Fatalf("no classes reported:\n%.5000s", out)
	}
	return all[len(all)-1][1]
}

func (a agent) until(what string, so func() bool) {
	a.Helper()
	for deadline := time.Now().Add(agentTimeout); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.Fatalf("waited for %s in vain", what)
		}
	}
}
