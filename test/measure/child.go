package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a server of ours in a process of its own, so that its processor
// time can be told from that of the load.
type child struct {
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the process has ended
	endpoint string        // what it is bound to
}

// bound finds the port: libzmq may write the address as one of IPv6.
var bound = regexp.MustCompile(`tcp://\[?[0-9.:a-f]+\]?:(\d+)`)

// startChild starts a server that writes its endpoint to its output once it is
// bound, and waits for that. log is where the output goes.
func startChild(cmd *exec.Cmd, log string) (*child, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	// The child shall not outlive this process, were it killed. The signal comes
	// when the thread ends that starts the child; Go keeps its threads.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // what it ended with is told by its log
		close(c.ended)
	}()
	if c.endpoint = c.awaitEndpoint(log); c.endpoint == "" {
		c.stop()
		text, _ := os.ReadFile(log)
		return nil, fmt.Errorf("%s is not ready after %v:\n%s", filepath.Base(cmd.Path), patience, text)
	}
	return c, nil
}

func (c *child) awaitEndpoint(log string) string {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		text, _ := os.ReadFile(log)
		if found := bound.FindSubmatch(text); found != nil {
			return "tcp://127.0.0.1:" + string(found[1])
		}
		select {
		case <-c.ended:
			return ""
		case <-time.After(2 * time.Millisecond):
		}
	}
	return ""
}

// stop ends the process in order, or by force when that takes too long.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// cpu is the processor time that the process has used so far, to 10 ms
// (proc_pid_stat(5), utime and stime).
func (c *child) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold anything; state is the first after it.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", c.cmd.Process.Pid, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

// tick is the unit of times in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// listener is a cf-messaged with an empty queue.
type listener struct {
	*child
	state string
}

// listenerConfig serves the nodes' signed messages and the bare ones of the
// first client.
const listenerConfig = `listeners:
  - pattern: request
    bind: [tcp://127.0.0.1:0]
feeds:
  host:
    from: trusted
    unsigned: true
`

func (s *stage) startListener(ctx context.Context) (*listener, error) {
	dir, err := os.MkdirTemp(s.dir, "listener-")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "cf-messaged.yaml")
	if err := os.WriteFile(config, []byte(listenerConfig), 0o600); err != nil {
		return nil, err
	}
	l := &listener{state: filepath.Join(dir, "state")}
	program := filepath.Join(s.bin, "cf-messaged")
	cmd := exec.CommandContext(ctx, program, "run", "--config", config, "--state", l.state, "--keys", s.keys())
	l.child, err = startChild(cmd, filepath.Join(dir, "log"))
	return l, err
}

// remove ends the listener and frees the disk; what it cannot remove now, the
// stage does at its end.
func (l *listener) remove() {
	l.stop()
	_ = os.RemoveAll(filepath.Dir(l.state))
}
