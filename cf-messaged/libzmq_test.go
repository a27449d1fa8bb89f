package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A libzmq below 4.3.3 is refused at the start, before anything is bound, and by
// check, with what to do about it: here by one that says so of itself.
func TestOldLibzmqIsRefused(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler: ", err)
	}
	library := filepath.Join(t.TempDir(), "old.so")
	compile := exec.Command(cc, "-shared", "-fPIC", "-x", "c", "-o", library, "-")
	compile.Stdin = strings.NewReader("void zmq_version(int *major, int *minor, int *patch) { *major = 4; *minor = 3; *patch = 2; }")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := newSite(t, loopback...)
	for _, command := range []string{"run", "check"} {
		cmd := program(command, "--config", s.config)
		cmd.Env = append(cmd.Env, "LD_PRELOAD="+library)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		p := &process{t: t, cmd: cmd, log: new(logged), ended: make(chan error, 1)}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		go func() { p.ended <- cmd.Wait() }()
		if got := code(p.end()); got != 1 || !strings.Contains(out.String(), "4.3.2") || !strings.Contains(out.String(), "install 4.3.3 or newer") || strings.Contains(out.String(), "ready") {
			t.Errorf("%s: exit code %d\n%s", command, got, out.String())
		}
	}
}
