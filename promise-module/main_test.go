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

	"github.com/webhuis/cfengine-messages/hostkey"
)

// atWork makes a node of this process and of the modules that it starts.
func atWork(t *testing.T) *messages {
	t.Helper()
	m := newNode(t)
	t.Setenv(overrideWorkDir, string(m.work))
	return m
}

// byHand runs the module with arguments, in this process.
func byHand(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var b bytes.Buffer
	err = run(t.Context(), args, in, &b)
	return b.String(), err
}

func TestHelpAndVersion(t *testing.T) {
	for _, line := range []string{"--help", "-h", "help", "send --help", "key --help", "send --schema host --help"} {
		if out, err := byHand(t, strings.Fields(line)...); err != nil || out != usage {
			t.Errorf("%s: %q, %v", line, out, err)
		}
	}
	if out, err := byHand(t, "--version"); err != nil || !strings.HasPrefix(out, "messages ") || !strings.Contains(out, ", libzmq 4.") {
		t.Errorf("%q, %v", out, err)
	}
	for _, line := range strings.Split(usage, "\n") {
		if len(line) > 90 {
			t.Errorf("a line of the usage is too long: %s", line)
		}
	}
	_, send, _ := strings.Cut(usage, "messages send:\n")
	send, _, _ = strings.Cut(send, "The work directory")
	for _, word := range known {
		if !strings.Contains(send, word) {
			t.Errorf("the usage does not tell of %s", word)
		}
	}
}

func TestUnknownWordsAreFaultsOfUsage(t *testing.T) {
	for _, line := range []string{"sned", "--verbose", "outbox", "outbox lst", "outbox list x", "outbox list --all", "outbox show", "outbox show a b", "outbox purge", "outbox purge --all x", "key --jsno", "key x y", "send", "send --schema host --content {} --timeout 600 --to tcp://a:1"} {
		out, err := byHand(t, strings.Fields(line)...)
		if out != "" || !errors.Is(err, errUsage) {
			t.Errorf("%s: %q, %v", line, out, err)
		} else {
			mustFail(t, err, "messages --help")
		}
	}
}

func TestKeyShowsTheHostsKey(t *testing.T) {
	m := atWork(t)
	out, err := byHand(t, "key")
	if want := string(nodeKey().pair.Digest()) + "\n" + string(nodeKey().public); err != nil || out != want {
		t.Errorf("%s, %v", out, err)
	}
	out, err = byHand(t, "key", "--json")
	var shown struct {
		Digest    hostkey.Digest `json:"digest"`
		Community string         `json:"community_digest"`
		Public    string         `json:"public_key"`
	}
	if err := errors.Join(err, json.Unmarshal([]byte(out), &shown)); err != nil {
		t.Fatal(err)
	}
	if shown.Digest != nodeKey().pair.Digest() || shown.Public != string(nodeKey().public) || !strings.HasPrefix(shown.Community, "MD5=") {
		t.Errorf("%+v", shown)
	}
	if err := os.Remove(filepath.Join(m.work.keys(), "localhost.priv")); err != nil {
		t.Fatal(err)
	}
	_, err = byHand(t, "key")
	mustFail(t, err, "localhost.priv", "cf-key")
}

func TestSendByHand(t *testing.T) {
	m := atWork(t)
	trustHub(t, m)
	endpoint, _ := listenStoring(t, m, stored)
	out, err := byHand(t, "send", "--schema", "host", "--content", someContent, "--to", endpoint, "--repeat", "changed")
	if err != nil || !strings.HasPrefix(out, "stored  message ") || !strings.Contains(out, "proved by "+string(hubKey().pair.Digest())) {
		t.Errorf("%s, %v", out, err)
	}
	out, err = byHand(t, "send", "--schema", "host", "--content", someContent, "--to", endpoint, "--repeat", "changed", "--json")
	if err != nil || out != `{"status":"kept"}`+"\n" {
		t.Errorf("%s, %v", out, err)
	}
}

// module starts the module as cf-agent does: a process of its own with pipes.
type module struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	pipe   io.Closer // the reading end of out
	out    *bufio.Reader
	stderr bytes.Buffer
}

func startModule(t *testing.T, args ...string) *module {
	t.Helper()
	m := &module{cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	m.cmd.Env = append(os.Environ(), "MESSAGES_TEST_AS=module", "GORACE=atexit_sleep_ms=0")
	m.cmd.Stderr = &m.stderr
	in, err := m.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.in, m.pipe, m.out = in, out, bufio.NewReader(out)
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *module) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(m.in, text); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end of the module, which must be soon, and without a word
// on stderr.
func (m *module) ended(t *testing.T, code int) {
	t.Helper()
	began := time.Now()
	defer time.AfterFunc(aMinute, func() { m.cmd.Process.Signal(syscall.SIGQUIT) }).Stop() // so that it tells where it is
	err := m.cmd.Wait()
	if got := m.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, %v\n%s", got, err, m.stderr.String())
	}
	if took := time.Since(began); took > aMinute/2 {
		t.Errorf("it took %s", took)
	}
}

// request is the agent's, for a message to an endpoint.
func request(endpoint string) string {
	return `{"attributes":{"content":{"uqhost":"www1"},"timeout":"60","to":"` + endpoint + `"},"filename":"p.cf","line_number":1,` +
		`"log_level":"info","operation":"evaluate_promise","promise_type":"messages","promiser":"host"}` + "\n\n"
}

func TestAConversationWithTheAgent(t *testing.T) {
	m := atWork(t)
	endpoint, _ := listenStoring(t, m, stored)
	agent := startModule(t)
	agent.say(t, "cf-agent 3.21.0 v1\n\n"+request(endpoint)+`{"operation":"terminate"}`+"\n\n")
	out, err := io.ReadAll(agent.out)
	if err != nil {
		t.Fatal(err)
	}
	agent.ended(t, 0)
	lines := strings.Split(string(out), "\n")
	if !strings.HasPrefix(lines[0], "messages_promise_module ") || !strings.HasSuffix(lines[0], " v1 json_based action_policy") {
		t.Errorf("header %q", lines[0])
	}
	if h := hear(t, string(out)); !h.has("info", "Message host sent to "+endpoint) || h.result != "success" {
		t.Errorf("%s", out)
	}
	if agent.stderr.Len() > 0 {
		t.Errorf("stderr: %s", agent.stderr.String())
	}
}

// An agent that is killed leaves the module with its input ended, a signal, or
// an output that nobody reads: each time it ends at once and in silence, for
// cf-execd mails what stands on stderr.
func TestTheEndOfTheAgentIsTheEndOfTheModule(t *testing.T) {
	atWork(t)
	for what, end := range map[string]func(m *module){
		"SIGTERM":         func(m *module) { _ = m.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":          func(m *module) { _ = m.cmd.Process.Signal(syscall.SIGINT) },
		"end of input":    func(m *module) { m.in.Close() },
		"gone altogether": func(m *module) { m.in.Close(); m.pipe.Close() },
	} {
		for _, underWay := range []bool{true, false} {
			arrived := make(chan struct{}, 100)
			mute := listen(t, func([]byte) []byte { arrived <- struct{}{}; return nil })
			agent := startModule(t)
			agent.say(t, "cf-agent 3.21.0 v1\n\n")
			if _, err := agent.out.ReadString('\n'); err != nil {
				t.Fatalf("%s: %v\n%s", what, err, agent.stderr.String())
			}
			if underWay {
				agent.say(t, request(mute))
				<-arrived
			}
			end(agent)
			agent.ended(t, 0)
			if agent.stderr.Len() > 0 {
				t.Errorf("%s, under way %v: stderr: %s", what, underWay, agent.stderr.String())
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	atWork(t)
	dead := deadEndpoint(t)
	for _, c := range []struct {
		line string
		code int
	}{
		{"--version", 0},
		{"--help", 0},
		{"key", 0},
		{"sned", exitUsage},
		{"send --schema host", exitUsage},
		{"send --schema nosuch --content {} --to tcp://a:1", exitFailed},
		{"send --schema host --content " + someContent + " --retries 0 --to " + dead, exitFailed},
		{"", exitFailed}, // started by hand, without a terminal
	} {
		m := startModule(t, strings.Fields(c.line)...)
		m.in.Close()
		_, _ = io.Copy(io.Discard, m.out)
		m.ended(t, c.code)
		if said := m.stderr.Len() > 0; said != (c.code != 0) || said && !strings.HasPrefix(m.stderr.String(), "messages: ") {
			t.Errorf("%q: stderr %q", c.line, m.stderr.String())
		}
	}
}
