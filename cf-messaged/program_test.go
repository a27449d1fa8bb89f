package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// process is the program, as a listener of its own.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	log      *logged
	endpoint string
	ended    chan error
}

// spawn starts the program and waits until it is ready.
func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: program(append(args, "--log-format", "json")...), log: new(logged), ended: make(chan error, 1)}
	stderr, err := p.cmd.StderrPipe()
	must(t, err)
	must(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.end()
	})
	go func() {
		_, _ = io.Copy(p.log, bufio.NewReader(stderr))
		p.ended <- p.cmd.Wait()
	}()
	p.log.await(t, `"ready"`)
	var ready struct{ Endpoints []string }
	must(t, json.Unmarshal([]byte(p.log.line(`"ready"`)), &ready))
	p.endpoint = ready.Endpoints[0]
	return p
}

// end waits for its end, and gives it again when asked again.
func (p *process) end() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(patience):
		p.t.Fatalf("it does not end:\n%s", p.log)
		return nil
	}
}

func code(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// Exit codes are 0, 1 failed, 2 usage or configuration, and what is wrong
// stands on stderr, once.
func TestExitCodes(t *testing.T) {
	good, bad, broken := newSite(t, loopback...), newSite(t, loopback...), newSite(t, "feedz: {}")
	must(t, os.Chmod(bad.keys+"/localhost.priv", 0o644))
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--version"}, 0, ""},
		{[]string{"--help"}, 0, ""},
		{[]string{"run", "--help"}, 0, ""},
		{[]string{"init", "--print"}, 0, ""},
		{[]string{"check", "--config", good.config}, 0, ""},
		{[]string{"check", "--config", bad.config}, 1, "check: 1 found wrong"},
		{[]string{"tail", "--config", good.config}, 1, "a listener makes it"},
		{[]string{"check", "--config", broken.config}, 2, "unknown field"},
		{[]string{"run", "--config", broken.config}, 2, "cf-messaged: " + broken.config + ": [3:1] unknown field"},
		{[]string{"run", "--config", broken.config, "--log-format", "json"}, 2, `"error":"` + broken.config},
		{[]string{"run", "--log-format", "xml"}, 2, "expected text or json"},
		{[]string{"run", "now"}, 2, "cf-messaged run --help"},
		{[]string{"nosuch"}, 2, `unknown command "nosuch"`},
		{[]string{"--nosuch"}, 2, "cf-messaged --help"},
		{[]string{"tail", "--nosuch"}, 2, "cf-messaged tail --help"},
		{[]string{"dead"}, 2, "list, show"},
		{[]string{"dead", "nosuch"}, 2, `unknown command "nosuch"`},
	} {
		cmd := program(c.args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if got := code(cmd.Run()); got != c.code {
			t.Errorf("%q: exit code %d, want %d", c.args, got, c.code)
		}
		if said := stderr.String(); !strings.Contains(said, c.says) || (c.says == "") != (said == "") || strings.Count(said, c.says) > 1 && c.says != "" {
			t.Errorf("%q says %q, want %q", c.args, said, c.says)
		}
	}
}

// Without a command it listens (DESIGN.md section 9). SIGTERM ends it with 0.
func TestProgramListens(t *testing.T) {
	s := newSite(t, loopback...)
	p := spawn(t, "--config", s.config)
	client := zmq.NewClient(zmq.ClientOptions{})
	defer client.Close()
	if got := request(t, client, p.endpoint, s.seal("m-1", `{"uqhost":"www1"}`)); got.Status != message.Stored {
		t.Errorf("%+v", got)
	}
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	if got := code(p.end()); got != 0 || p.log.line(`"bye"`) == "" {
		t.Errorf("exit code %d:\n%s", got, p.log)
	}
}

// SIGHUP from the first moment to the last never ends it.
func TestHangups(t *testing.T) {
	s := newSite(t, loopback...)
	p := spawn(t, "run", "--config", s.config)
	stop := make(chan struct{})
	hung := make(chan struct{})
	go func() {
		defer close(hung)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_ = p.cmd.Process.Signal(syscall.SIGHUP)
			}
		}
	}()
	p.log.await(t, `"reloaded"`)
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	err := p.end()
	close(stop)
	<-hung
	if code(err) != 0 || p.log.line(`"bye"`) == "" {
		t.Errorf("%v:\n%s", err, p.log)
	}
}

// A disk that fails otherwise than by being full leaves doubt: whoever waits
// is told busy, and the listener ends with an error for others to see.
func TestBrokenDisk(t *testing.T) {
	s := newSite(t, loopback...)
	p := spawn(t, "run", "--config", s.config)
	client := zmq.NewClient(zmq.ClientOptions{})
	defer client.Close()
	if got := request(t, client, p.endpoint, s.seal("m-1", `{"uqhost":"www1"}`)); got.Status != message.Stored {
		t.Errorf("%+v", got)
	}
	// From now on every write to a file fails with EFBIG, which SQLite reports
	// as an input/output error.
	must(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: 1}, nil))
	if got := request(t, client, p.endpoint, s.seal("m-2", `{"uqhost":"www1"}`)); got.Code != message.Busy {
		t.Errorf("%+v", got)
	}
	if got := code(p.end()); got != 1 {
		t.Errorf("exit code %d", got)
	}
	if line := p.log.line("ended by an error"); !strings.Contains(line, "must be restarted") {
		t.Errorf("the log says:\n%s", p.log)
	}
}

// Another user hears whose the state folder is.
func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	s := newSite(t, loopback...)
	s.mustCLI("init")
	s.fill(numbered(1, "host"))
	for dir := s.dir; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, os.Chmod(s.config, 0o644))
	exe := filepath.Join(s.dir, "cf-messaged")
	self, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(exe, self, 0o755))
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"tail"}, []string{s.state, "permission denied", "runs as nobody", s.state + " is root's", "run it as that user"}},
		{[]string{"run"}, []string{s.keys, "permission denied", s.keys + " is root's"}},
		{[]string{"run", "--keys", s.dir + "/theirs"}, []string{s.state, "permission denied", s.state + " is root's"}},
		{[]string{"init"}, []string{"CURVE", "permission denied", s.state + " is root's"}},
		{[]string{"check"}, []string{"found wrong"}},
	} {
		theirs := s.dir + "/theirs"
		must(t, os.RemoveAll(theirs))
		must(t, os.CopyFS(theirs, os.DirFS(s.keys)))
		must(t, os.Chown(theirs, 65534, 65534))
		must(t, os.Chown(theirs+"/localhost.priv", 65534, 65534))
		cmd := exec.Command(exe, append(c.args, "--config", s.config)...)
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), asProgram+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if code(err) != 1 {
			t.Errorf("%q: %v", c.args, err)
		}
		for _, words := range c.says {
			if !strings.Contains(string(out), words) {
				t.Errorf("%q does not say %q:\n%s", c.args, words, out)
			}
		}
		if c.args[0] == "check" && !hasLine(string(out), "FAULT", "state folder", "it is root's, and this is nobody") {
			t.Errorf("check says\n%s", out)
		}
	}
}
