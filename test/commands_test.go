package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/webhuis/cfengine-messages/test/ports"
)

// cmdAgent runs a policy through the real cf-agent, after cf-promises has
// accepted it: a policy that fails validation starts daemons. What the agent
// prints goes to stdout.
//
//	agent FILE [OPTION...]
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: agent FILE [OPTION...]")
	}
	file := filepath.Join(ts.Getenv("NODE"), "inputs", filepath.Base(args[0]))
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(file, data, 0o600))
	ts.Check(ts.Exec("timeout", "60", "cf-promises", "-f", file))
	options := append([]string{"90", "cf-agent", "--no-lock", "--inform", "--file", file}, args[1:]...)
	run := func() time.Duration {
		began := time.Now()
		ts.Check(ts.Exec("timeout", options...))
		return time.Since(began)
	}
	lastRuns.Store(ts.Getenv("WORK"), lastRun{run(), run})
}

// lastRun is how long an agent's run took, and another like it.
type lastRun struct {
	took  time.Duration
	again func() time.Duration
}

// lastRuns are by story.
var lastRuns sync.Map // work directory → lastRun

// cmdElapsed checks how long the last agent run took. Where the machine was busy
// with something else, the quickest of some more like it counts.
//
//	elapsed under MILLISECONDS
func cmdElapsed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] != "under" {
		ts.Fatalf("usage: elapsed under MILLISECONDS")
	}
	limit, err := time.ParseDuration(args[1] + "ms")
	ts.Check(err)
	run, _ := lastRuns.Load(ts.Getenv("WORK"))
	last := run.(lastRun)
	for n := 0; last.took >= limit; n++ {
		if n == 10 {
			ts.Fatalf("the agent took %s, not under %s", last.took, limit)
		}
		last.took = last.again()
	}
}

// cmdNode makes another node, a CFEngine work directory with keys of its own,
// and puts its path into a variable.
//
//	node VARIABLE
func cmdNode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: node VARIABLE")
	}
	work := ts.MkAbs(strings.ToLower(args[0]))
	ts.Check(makeNode(work, ts.Getenv("BIN")))
	ts.Setenv(args[0], work)
}

// cmdPort puts a free port into a variable.
//
//	port NAME
func cmdPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	port, release, err := ports.Reserve()
	ts.Check(err)
	ts.Defer(release)
	ts.Setenv(args[0], port)
}

// cmdAwait waits until a file contains a text.
//
//	await FILE TEXT
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	if !awaitText(ts.MkAbs(args[0]), args[1]) {
		data, _ := os.ReadFile(ts.MkAbs(args[0]))
		ts.Fatalf("%s does not hold %q after %s:\n%s", args[0], args[1], patience, data)
	}
}

func awaitText(file, text string) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}

// cmdFill puts the story's variables into files.
//
//	fill FILE...
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fill FILE...")
	}
	for _, name := range args {
		data, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		text := variable.ReplaceAllStringFunc(string(data), func(v string) string { return ts.Getenv(v[1 : len(v)-1]) })
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// variable is %NAME%: policy and shells leave it alone.
var variable = regexp.MustCompile(`%[A-Z_]+%`)

// cmdEventually runs a program again and again until it succeeds.
//
//	eventually PROGRAM [ARGUMENT...]
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually PROGRAM [ARGUMENT...]")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Check(err)
		}
	}
}

// listeners are the running ones, by story.
var listeners sync.Map // *testscript.TestScript's work directory → *exec.Cmd

// cmdListener starts, stops (SIGTERM, must end with 0), kills (SIGKILL) or
// reloads (SIGHUP) the story's cf-messaged. Its log is listener.log.
//
//	listener start [OPTION...]
//	listener stop|kill|reload
func cmdListener(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: listener start [OPTION...] | stop | kill | reload")
	}
	if args[0] == "start" {
		startListener(ts, args[1:])
		return
	}
	running, ok := listeners.Load(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("no listener runs")
	}
	cmd := running.(*exec.Cmd)
	switch args[0] {
	case "stop":
		listeners.Delete(ts.Getenv("WORK"))
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
		ts.Check(waitFor(cmd))
	case "kill":
		listeners.Delete(ts.Getenv("WORK"))
		ts.Check(cmd.Process.Kill())
		_ = waitFor(cmd)
	case "reload":
		ts.Check(cmd.Process.Signal(syscall.SIGHUP))
	default:
		ts.Fatalf("listener: unknown %q", args[0])
	}
}

func startListener(ts *testscript.TestScript, options []string) {
	if len(options) == 0 {
		options = []string{"--state", ts.Getenv("STATE"), "--keys", ts.Getenv("KEYS"), "--bind", ts.Getenv("ENDPOINT")}
	}
	name := ts.MkAbs("listener.log")
	log, err := os.Create(name)
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command(ts.Getenv("BIN")+"/cf-messaged", append([]string{"run"}, options...)...)
	cmd.Dir, cmd.Stderr, cmd.Stdout = ts.Getenv("WORK"), log, log
	cmd.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+ts.Getenv("NODE"))
	ts.Check(cmd.Start())
	listeners.Store(ts.Getenv("WORK"), cmd)
	ts.Defer(func() {
		if _, still := listeners.LoadAndDelete(ts.Getenv("WORK")); still {
			_ = cmd.Process.Kill()
			_ = waitFor(cmd)
		}
	})
	if !awaitText(name, "msg=ready") {
		text, _ := os.ReadFile(name)
		ts.Fatalf("the listener is not ready:\n%s", text)
	}
}

// waitFor waits for a process that was told to end, with a bound.
func waitFor(cmd *exec.Cmd) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		return fmt.Errorf("%s did not end within %s: %w", strings.Join(cmd.Args, " "), patience, <-ended)
	}
}
