package zmq

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ample bounds what comes soon, however slow and busy the machine.
const ample = time.Minute

// inTime tries with a limit, and where something is wrong with longer and longer ones: a busy machine needs longer, and
// what takes no heed of its limit is wrong with each of them.
func inTime(t testing.TB, limit time.Duration, try func(limit time.Duration) error) {
	t.Helper()
	for {
		err := try(limit)
		if err == nil {
			return
		}
		if limit *= 2; limit > ample {
			t.Fatal(err)
		}
		t.Logf("once more, with %v: %v", limit, err)
	}
}

// mustBind binds a Server, on a free port of the loopback unless o says otherwise.
func mustBind(t testing.TB, o ServerOptions) *Server {
	t.Helper()
	if o.Binds == nil && o.Connects == nil {
		o.Binds = []string{"tcp://127.0.0.1:0"}
	}
	r, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// mustServe serves a Server until stop is called, which waits for its end, or until the test ends.
func mustServe(t testing.TB, r *Server, handle func(Request)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, handle) }()
	stop = func() {
		cancel()
		if err, first := <-ended; first {
			close(ended)
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// mustReceive serves a Server whose requests are given to the test; they are dropped.
func mustReceive(t testing.TB, o ServerOptions) (*Server, <-chan Request) {
	t.Helper()
	got := make(chan Request, 10_000)
	r := mustBind(t, o)
	mustServe(t, r, func(q Request) { q.Reply([]byte("nobody reads this")); got <- q })
	return r, got
}

// expect takes the next request.
func expect(t testing.TB, got <-chan Request, topic, payload, fault string) {
	t.Helper()
	select {
	case q := <-got:
		if q.Topic != topic || string(q.Payload) != payload || q.Fault != fault {
			t.Errorf("got the topic %q, the payload %.40q, the fault %q; want %q, %.40q, %q", q.Topic, q.Payload, q.Fault, topic, payload, fault)
		}
	case <-time.After(ample):
		t.Fatalf("%q %.40q does not come", topic, payload)
	}
}

// echo answers every request with its payload, a faulty one with what is wrong.
func echo(q Request) {
	if q.Fault != "" {
		q.Reply([]byte("fault: " + q.Fault))
		return
	}
	q.Reply(q.Payload)
}

// newClient has ample time, unless o says otherwise.
func newClient(t testing.TB, o ClientOptions) *Client {
	if o.Timeout == 0 {
		o.Timeout = ample
	}
	if o.Linger == 0 {
		o.Linger = ample
	}
	c := NewClient(o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// ask makes a request that must be answered.
func ask(t testing.TB, c *Client, endpoint, payload string) string {
	t.Helper()
	answer, err := c.Request(t.Context(), endpoint, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// refused makes a request that must fail with this kind, within the time given for it.
func refused(t testing.TB, c *Client, endpoint string, kind ErrorKind, limit time.Duration) (e *Error) {
	t.Helper()
	inTime(t, limit, func(limit time.Duration) (err error) {
		e, _, err = refusal(t, c, endpoint, kind, limit)
		return err
	})
	if !strings.Contains(e.Error(), endpoint) {
		t.Errorf("the error does not name the endpoint: %v", e)
	}
	return e
}

// refusal is how a request fails within limit, and how long that takes; err is what is wrong with it.
func refusal(t testing.TB, c *Client, endpoint string, kind ErrorKind, limit time.Duration) (e *Error, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	start := time.Now()
	answer, failed := c.Request(ctx, endpoint, []byte("question"))
	took = time.Since(start)
	if !errors.As(failed, &e) || e.Kind != kind {
		return nil, took, fmt.Errorf("got %q, %v; want the error kind %s", answer, failed, kind)
	}
	if took > limit*3/2 {
		return nil, took, fmt.Errorf("took %v, allowed were %v", took, limit)
	}
	return e, took, nil
}

// gone makes a request to a listener that has just ended. Whether the client's kept connection has heard of that is a
// race: the error then says that the message may have arrived.
func gone(t testing.TB, c *Client, endpoint string) {
	t.Helper()
	_, err := c.Request(t.Context(), endpoint, []byte("question"))
	if kind := kindOf(err); err == nil || kind != Unreachable && kind != Disconnected {
		t.Errorf("got %v", err)
	}
}

// child is a program of another's making at the other end; it ends with the test.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	said  string // its first line, by port
}

// python runs a script that finds zmq and its arguments as a and the context as c.
func python(t testing.TB, script string, args ...string) *child {
	t.Helper()
	head := "import sys, zmq, time, struct\na = sys.argv[1:]\nc = zmq.Context()\ndef say(*x): print(*x, flush=True)\n"
	p := &child{t: t, cmd: exec.Command("/usr/bin/python3", append([]string{"-c", head + script}, args...)...)}
	p.cmd.Stderr = testWriter{t}
	p.stdin, _ = p.cmd.StdinPipe()
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Skipf("no python3 with zmq here: %v", err)
	}
	p.lines = bufio.NewScanner(out)
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	return p
}

// line is the next one that the child prints; one that says nothing for an ample time is ended.
func (p *child) line() string {
	p.t.Helper()
	defer time.AfterFunc(ample, func() { p.cmd.Process.Kill() }).Stop()
	if !p.lines.Scan() {
		p.t.Fatal("the child ended early")
	}
	return p.lines.Text()
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// listenTCP serves each raw connection with serve.
func listenTCP(t testing.TB, serve func(net.Conn)) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return "tcp://" + l.Addr().String()
}

func (p *child) stop() { p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *child) goOn() { p.cmd.Process.Signal(syscall.SIGCONT) }
