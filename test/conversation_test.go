package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// conversation is one run of an agent as the module sees it: a process that is
// started, asked on stdin, and told to end.
type conversation struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	faults  bytes.Buffer // what it says on stderr
	bound   context.Context
	release context.CancelFunc
	cut     atomic.Bool // kill or leave came before the end
}

// said is an answer: how it ends, and the log lines before it.
type said struct {
	Result  string   `json:"result"`
	Classes []string `json:"result_classes"`
	Logs    []string `json:"-"`
}

func (s said) text() string { return strings.Join(s.Logs, "\n") }

// converse starts the module of a node; greet is to come first. Everything that
// is said afterwards, to the end, has to be said within twice patience. It is
// to be ended with end, whatever becomes of it.
func converse(work string) (*conversation, error) {
	c := &conversation{}
	c.bound, c.release = context.WithTimeout(context.Background(), 2*patience)
	c.cmd = exec.CommandContext(c.bound, work+"/modules/promises/messages")
	c.cmd.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+work)
	c.cmd.Stderr = &c.faults
	c.cmd.WaitDelay = patience
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

// greet exchanges the headers.
func (c *conversation) greet() error {
	lines, err := c.exchange("cf-agent 3.21.0 v1")
	if err == nil && !strings.HasPrefix(lines[0], "messages_promise_module ") {
		err = fmt.Errorf("the module's header is %q", lines[0])
	}
	return err
}

// evaluate asks for a promise to be checked and kept.
func (c *conversation) evaluate(promiser string, attributes map[string]string) (said, error) {
	s, err := c.ask("validate_promise", promiser, attributes)
	if err == nil && s.Result != "valid" {
		err = fmt.Errorf("promise %s is %s: %s", promiser, s.Result, s.text())
	}
	if err != nil {
		return s, err
	}
	return c.ask("evaluate_promise", promiser, attributes)
}

func (c *conversation) ask(operation, promiser string, attributes map[string]string) (said, error) {
	request, err := json.Marshal(map[string]any{
		"operation": operation, "promise_type": "messages", "promiser": promiser, "attributes": attributes,
		"filename": "/promises.cf", "line_number": 1, "log_level": "verbose",
	})
	if err != nil {
		return said{}, err
	}
	return c.answer(string(request))
}

// terminate tells the module that the run is over, and hears its last words.
func (c *conversation) terminate() (said, error) {
	return c.answer(`{"operation":"terminate"}`)
}

// answer sends a request and understands what comes back.
func (c *conversation) answer(request string) (said, error) {
	lines, err := c.exchange(request)
	if err != nil {
		return said{}, err
	}
	last := len(lines) - 1
	s := said{Logs: lines[:last]}
	if err := json.Unmarshal([]byte(lines[last]), &s); err != nil {
		return s, fmt.Errorf("the module answered %q: %w", lines, err)
	}
	return s, nil
}

// exchange sends a message of one line and reads lines up to the empty one.
// An error means that the module is gone.
func (c *conversation) exchange(line string) (lines []string, err error) {
	if _, err := io.WriteString(c.in, line+"\n\n"); err != nil {
		return nil, err
	}
	for {
		text, err := c.out.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSuffix(text, "\n"); text == "" {
			break
		}
		lines = append(lines, text)
	}
	if len(lines) == 0 {
		return nil, errors.New("the module's answer is empty")
	}
	return lines, nil
}

// kill ends the module with SIGKILL, from any goroutine and at any moment.
func (c *conversation) kill() {
	c.cut.Store(true)
	_ = c.cmd.Process.Kill()
}

// leave ends the conversation without a word, as the death of the agent does.
func (c *conversation) leave() {
	c.cut.Store(true)
	_ = c.in.Close()
}

// end waits for the module. An error is what a module that nobody killed must
// not do: end otherwise than with 0, or say something on stderr.
func (c *conversation) end() error {
	defer c.release()
	_ = c.in.Close()
	_, _ = io.Copy(io.Discard, c.out)
	err := c.cmd.Wait()
	if c.bound.Err() != nil {
		return fmt.Errorf("the module did not end within %s", 2*patience)
	}
	if c.killed() && c.cut.Load() {
		return nil
	}
	if err != nil || c.faults.Len() > 0 {
		return fmt.Errorf("the module: %w, and says %q", err, c.faults.String())
	}
	return nil
}

// killed tells whether SIGKILL came before the module's own end.
func (c *conversation) killed() bool {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// promiseOnce is a whole run with one promise.
func promiseOnce(work string, attributes map[string]string) (evaluated, terminated said, took time.Duration, err error) {
	began := time.Now()
	c, err := converse(work)
	if err != nil {
		return said{}, said{}, 0, err
	}
	if err = c.greet(); err == nil {
		evaluated, err = c.evaluate("message", attributes)
	}
	if err == nil {
		terminated, err = c.terminate()
	}
	return evaluated, terminated, time.Since(began), errors.Join(err, c.end())
}
