package main

import (
	"fmt"
	"net"
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
	log      string        // the file of its output
}

// bound finds the port: libzmq may write the address as one of IPv6.
var bound = regexp.MustCompile(`tcp://\[?[0-9.:a-f]+\]?:(\d+)`)

// startChild starts a server that writes its endpoint to its output once it is
// bound, and waits for that. log is where the output goes.
func startChild(cmd *exec.Cmd, log string) (*child, error) {
	return startServer(cmd, log, (*child).awaitEndpoint)
}

// startQuiet starts a server that does not say when it is ready: whoever connects
// to its address finds out.
func startQuiet(cmd *exec.Cmd, log, address string) (*child, error) {
	return startServer(cmd, log, func(c *child) string { return c.awaitConnection(address) })
}

func startServer(cmd *exec.Cmd, log string, await func(*child) string) (*child, error) {
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
	c := &child{cmd: cmd, ended: make(chan struct{}), log: log}
	go func() {
		_ = cmd.Wait() // what it ended with is told by its log
		close(c.ended)
	}()
	if c.endpoint = await(c); c.endpoint == "" {
		c.stop()
		text, _ := os.ReadFile(log)
		return nil, fmt.Errorf("%s is not ready after %v:\n%s", filepath.Base(cmd.Path), patience, text)
	}
	return c, nil
}

func (c *child) awaitConnection(address string) string {
	return c.await(func() string {
		is, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			return ""
		}
		_ = is.Close()
		return "tcp://" + address
	})
}

func (c *child) awaitEndpoint() string {
	return c.await(func() string {
		text, _ := os.ReadFile(c.log)
		if found := bound.FindSubmatch(text); found != nil {
			return "tcp://127.0.0.1:" + string(found[1])
		}
		return ""
	})
}

// await asks for the endpoint until there is one, or the process has ended.
func (c *child) await(endpoint func() string) string {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if is := endpoint(); is != "" {
			return is
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

// peakMemory is the most memory that the process has had resident so far, in MiB
// (proc_pid_status(5), VmHWM).
func (c *child) peakMemory() (float64, error) { return c.memory("VmHWM") }

func (c *child) memory(field string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, field+": %f kB", &kB); n == 1 {
			return kB / 1024, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", c.cmd.Process.Pid, field)
}

// tick is the unit of times in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond
