package zmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBindErrors(t *testing.T) {
	running := mustBind(t, ServerOptions{}).Endpoints()[0]
	runningPath := "ipc://" + t.TempDir() + "/s"
	mustServe(t, mustBind(t, ServerOptions{Binds: []string{runningPath}}), echo)
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ bind, text string }{
		{running, "address already in use"},
		{runningPath, "address already in use"},
		{"ipc://" + file, "no socket"},
		{"ipc:///nonexistent/s", "no such file"},
		{"tcp://192.0.2.1:0", "does not have that address"},
		{"tcp://hub.invalid:0", "cannot be resolved"},
		{"tcp://127.0.0.1:99999", "1 to 65535"},
	}
	for _, test := range tests {
		r, err := Listen(ServerOptions{Binds: []string{"tcp://127.0.0.1:0", test.bind}})
		if err == nil {
			r.Close()
			t.Errorf("%s: bound", test.bind)
		} else if !strings.Contains(err.Error(), test.bind) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: the error does not say %q: %v", test.bind, test.text, err)
		}
	}
	if _, err := Listen(ServerOptions{}); err == nil {
		t.Error("bound to nothing")
	}
	if content, err := os.ReadFile(file); string(content) != "precious" {
		t.Errorf("the file in the way now holds %q, %v", content, err)
	}
	ask(t, newClient(t, ClientOptions{}), runningPath, "the first one still serves")
}

func TestBindTakesOverAStalePath(t *testing.T) {
	endpoint := stalePath(t)
	mustServe(t, mustBind(t, ServerOptions{Binds: []string{endpoint}}), echo)
	ask(t, newClient(t, ClientOptions{}), endpoint, "hello")
}

func TestSeveralEndpoints(t *testing.T) {
	path := "ipc://" + t.TempDir() + "/s"
	r := mustBind(t, ServerOptions{Binds: []string{"tcp://127.0.0.1:0", path, "tcp://[::1]:*", "tcp://*:0"}})
	peers := make(chan string, 1)
	mustServe(t, r, func(q Request) { peers <- q.Peer; q.Reply(q.Payload) })
	c := newClient(t, ClientOptions{})
	everywhere, _ := ParseBind(r.Endpoints()[3])
	everywhere.Host = "127.0.0.1"
	wants := []struct{ endpoint, peer string }{
		{r.Endpoints()[0], "127.0.0.1"},
		{path, fmt.Sprintf("ipc:%d:%d:%d", os.Getuid(), os.Getgid(), os.Getpid())},
		{r.Endpoints()[2], "::1"},
		{everywhere.String(), "127.0.0.1"}, // on a dual-stack socket
	}
	if !strings.HasPrefix(wants[0].endpoint, "tcp://127.0.0.1:") || !strings.HasPrefix(wants[2].endpoint, "tcp://[::1]:") {
		t.Errorf("bound to %v", r.Endpoints())
	}
	for _, want := range wants {
		for range 2 {
			ask(t, c, want.endpoint, "hello")
			if peer := <-peers; peer != want.peer {
				t.Errorf("%s: the peer is %q", want.endpoint, peer)
			}
		}
	}
}

func TestFileLimitIsRaised(t *testing.T) {
	var was, is syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was)
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: was.Max / 2, Max: was.Max})
	mustBind(t, ServerOptions{})
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &is); is.Cur != is.Max {
		t.Errorf("limit %d of %d", is.Cur, is.Max)
	}
}

func TestServedOnce(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, echo)()
	if err := r.Serve(t.Context(), echo); err == nil {
		t.Error("served twice")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	closed := mustBind(t, ServerOptions{})
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(closed.Endpoints()[0], "tcp://")); err == nil {
		t.Error("a closed Router is connected to")
	}
}

// No more requests are open than allowed, whatever is sent, and none is lost.
func TestBackpressure(t *testing.T) {
	for _, o := range []ServerOptions{{Outstanding: 3}, {OutstandingBytes: 50}} {
		r := mustBind(t, o)
		open := make(chan Request, 100)
		mustServe(t, r, func(q Request) { open <- q })
		p := dialRaw(t, r.Endpoints()[0]).handshake()
		for range 90 {
			p.Write(message("", "0123456789abcdefg"))
		}
		for range 90 {
			q := <-open
			if len(open) > 2 {
				t.Fatalf("%+v: %d requests are open", o, len(open)+1)
			}
			q.Reply(q.Payload)
			p.frame()
			p.frame()
		}
	}
}

// An answer given later, from elsewhere, wakes the Router out of its wait.
func TestReplyWakes(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	open := make(chan Request)
	mustServe(t, r, func(q Request) { go func() { open <- q }() })
	go func() {
		for q := range open {
			runtime.Gosched()
			q.Reply(q.Payload)
		}
	}()
	defer close(open)
	c := newClient(t, ClientOptions{})
	start := time.Now()
	for range 100 {
		ask(t, c, r.Endpoints()[0], "x")
	}
	if took := time.Since(start); took > 50*time.Second { // each waits for a second that is not woken for
		t.Errorf("100 requests took %v", took)
	}
}

func TestReplyCountsOnce(t *testing.T) {
	r := mustBind(t, ServerOptions{Outstanding: 2})
	var last Request
	stop := mustServe(t, r, func(q Request) {
		q.Reply([]byte("first"))
		q.Reply([]byte("second"))
		q.Drop()
		last = q
	})
	c := newClient(t, ClientOptions{})
	for range 5 {
		if got := ask(t, c, r.Endpoints()[0], "x"); got != "first" {
			t.Errorf("got %q", got)
		}
	}
	stop()
	if r.open != 0 || r.held != 0 || r.Unsent() != 0 {
		t.Errorf("open %d, held %d, unsent %d", r.open, r.held, r.Unsent())
	}
	last.Reply(nil)
}

// The peer has gone before its answer: that is counted, and nothing else happens.
func TestReplyToNobody(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	open := make(chan Request)
	mustServe(t, r, func(q Request) { go func() { open <- q }() })
	p := dialRaw(t, r.Endpoints()[0]).handshake()
	p.Write(message("", "hello"))
	q := <-open
	p.Close()
	go func() {
		for q := range open {
			q.Reply(q.Payload)
		}
	}()
	defer close(open)
	c := newClient(t, ClientOptions{})
	ask(t, c, r.Endpoints()[0], "libzmq has time to notice")
	q.Reply([]byte("too late"))
	for end := time.Now().Add(ample); r.Unsent() == 0 && time.Now().Before(end); {
		ask(t, c, r.Endpoints()[0], "others are served")
	}
	if r.Unsent() != 1 {
		t.Errorf("%d answers unsent", r.Unsent())
	}
}

// A peer that asks and asks and does not read costs a bounded number of answers and keeps nobody else waiting.
func TestPeerThatDoesNotRead(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	large := make([]byte, 20_000)
	mustServe(t, r, func(q Request) { q.Reply(large) })
	p := dialRaw(t, r.Endpoints()[0]).handshake()
	question := message("", "hello")
	for range 4000 {
		p.Write(question)
	}
	ctx, cancel := context.WithTimeout(t.Context(), ample)
	defer cancel()
	c := newClient(t, ClientOptions{})
	for r.Unsent() == 0 && ctx.Err() == nil {
		ask(t, c, r.Endpoints()[0], "others are served")
	}
	if r.Unsent() == 0 {
		t.Error("all answers are held for a peer that does not read")
	}
}
