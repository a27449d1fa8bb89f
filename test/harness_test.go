package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/webhuis/cfengine-messages/test/ports"
)

// patience bounds everything that a story waits for.
const patience = time.Minute

// programs builds both programs once for all stories and returns the folder
// that they lie in. MESSAGES_BIN names programs that were built elsewhere.
var programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("MESSAGES_BIN"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.MkdirTemp("", "messages-test-")
	if err != nil {
		return "", err
	}
	for name, pkg := range map[string]string{"messages": "promise-module", "cf-messaged": "cf-messaged"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../"+pkg)
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil && os.Getenv("MESSAGES_BIN") == "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// TestStories runs every script of testdata on a node of its own.
func TestStories(t *testing.T) {
	bin := needPrograms(t)
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: func(e *testscript.Env) error { return setUpNode(e, bin) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"agent":      cmdAgent,
			"listener":   cmdListener,
			"fill":       cmdFill,
			"node":       cmdNode,
			"port":       cmdPort,
			"await":      cmdAwait,
			"elapsed":    cmdElapsed,
			"eventually": cmdEventually,
		},
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(15 * time.Minute),
	})
}

// needPrograms skips where there is no cf-agent, and fails where the programs
// do not build.
func needPrograms(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("cf-agent"); err != nil {
		t.Skip("no cf-agent here: ./test/run installs it")
	}
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// setUpNode gives a story a node: a CFEngine work directory with keys of its
// own and the module where masterfiles put it, and a port for a listener that
// messages.json names.
func setUpNode(e *testscript.Env, bin string) error {
	work := filepath.Join(e.WorkDir, "node")
	if err := makeNode(work, bin); err != nil {
		return err
	}
	port, release, err := ports.Reserve()
	if err != nil {
		return err
	}
	e.Defer(release)
	endpoint := "tcp://127.0.0.1:" + port
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("NODE", work)
	e.Setenv("CFENGINE_TEST_OVERRIDE_WORKDIR", work)
	e.Setenv("KEYS", filepath.Join(work, "ppkeys"))
	e.Setenv("STATE", filepath.Join(e.WorkDir, "state"))
	e.Setenv("PEERS", filepath.Join(root, "test", "peers"))
	e.Setenv("POLICY", filepath.Join(root, "policy"))
	e.Setenv("ENDPOINT", endpoint)
	e.Setenv("PORT", port)
	e.Setenv("MODULE", filepath.Join(work, "modules", "promises", "messages"))
	e.Setenv("BIN", bin)
	e.Setenv("PATH", bin+":/usr/sbin:/usr/bin:/bin")
	return os.WriteFile(filepath.Join(work, "modules", "promises", "messages.json"),
		[]byte(`{"to": "`+endpoint+`", "timeout": 5}`+"\n"), 0o600)
}

// makeNode lays out a work directory as facts of CFEngine's own tests do it:
// bin is a link to the programs, keys are made, nothing of the system's
// CFEngine is touched.
func makeNode(work, bin string) error {
	for _, dir := range []string{"inputs", "modules/promises", "state", "ppkeys"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o700); err != nil {
			return err
		}
	}
	if err := os.Symlink("/usr/bin", filepath.Join(work, "bin")); err != nil {
		return err
	}
	module := filepath.Join(work, "modules", "promises", "messages")
	if err := copyFile(filepath.Join(bin, "messages"), module, 0o755); err != nil {
		return err
	}
	key := exec.Command("timeout", "60", "cf-key")
	key.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+work)
	if out, err := key.CombinedOutput(); err != nil {
		return fmt.Errorf("cf-key: %w\n%s", err, out)
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, mode)
}
