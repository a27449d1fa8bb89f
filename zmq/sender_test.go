package zmq

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func mustSender(t testing.TB, pattern, bind string) *Sender {
	t.Helper()
	s, err := BindSender(SenderOptions{Pattern: pattern, Binds: []string{bind}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A ventilator: two workers in another language connect and share.
func TestVentilator(t *testing.T) {
	s := mustSender(t, "push", "tcp://127.0.0.1:0")
	worker := `
s = c.socket(zmq.PULL)
s.connect(a[0])
while True: say(s.recv().decode())`
	one, two := python(t, worker, s.Endpoints()[0]), python(t, worker, s.Endpoints()[0])
	send := func(payload string) {
		t.Helper()
		if err := s.Send(t.Context(), "", []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	lines := heard(one, two)
	for seen := map[*child]bool{}; len(seen) < 2; { // until both are there
		send("hello")
		seen[<-lines] = true
	}
	count := map[*child]int{}
	for i := range 100 {
		send(fmt.Sprint(i))
	}
	for range 100 {
		count[<-lines]++
	}
	if count[one] != 50 {
		t.Errorf("one of two workers got %d of 100", count[one])
	}
}

// heard gives whoever has said another line.
func heard(children ...*child) <-chan *child {
	lines := make(chan *child)
	for _, p := range children {
		go func() {
			for p.lines.Scan() {
				if p.lines.Text() != "" {
					lines <- p
				}
			}
		}()
	}
	return lines
}

func TestPublisherThatBinds(t *testing.T) {
	s := mustSender(t, "publish", "tcp://127.0.0.1:0")
	p := python(t, `
s = c.socket(zmq.SUB)
s.subscribe("host")
s.connect(a[0])
while True: say(*(f.decode() for f in s.recv_multipart()))`, s.Endpoints()[0])
	_, got := mustReceive(t, ServerOptions{Pattern: "publish", Topics: []string{"host"}, Connects: s.Endpoints()})
	ctx, cancel := context.WithTimeout(t.Context(), ample)
	defer cancel()
	heard := make(chan string)
	go func() { heard <- p.line() }()
	for mine, theirs := "", ""; mine == "" || theirs == ""; {
		for _, topic := range []string{"alert", "host"} {
			if err := s.Send(ctx, topic, []byte("hello")); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case theirs = <-heard:
			if theirs != "host hello" {
				t.Errorf("they got %q", theirs)
			}
		case q := <-got:
			mine = q.Topic + " " + string(q.Payload)
			if mine != "host hello" {
				t.Errorf("we got %q", mine)
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestSenderWithoutPeer(t *testing.T) {
	s := mustSender(t, "push", "tcp://127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := s.Send(ctx, "", []byte("given up"))
	if kindOf(err) != Stuck || !strings.Contains(err.Error(), s.Endpoints()[0]) {
		t.Errorf("got %v", err)
	}
	closed := make(chan error)
	go func() { closed <- s.Send(context.Background(), "", []byte("given up too")) }()
	_, got := mustReceive(t, ServerOptions{Pattern: "push", Connects: s.Endpoints()})
	if err := <-closed; err != nil {
		t.Error(err)
	}
	expect(t, got, "", "given up too", "")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Send(t.Context(), "", nil); kindOf(err) != Closed {
		t.Errorf("after Close: %v", err)
	}
}

// Trap 6: what binds and has nothing to do keeps nothing of peers that came and went.
func TestShortConnectionsLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	sub, _ := mustReceive(t, ServerOptions{Pattern: "publish"})
	pull, _ := mustReceive(t, ServerOptions{Pattern: "push"})
	tests := []struct{ name, endpoint, peer string }{
		{"a publisher", mustSender(t, "publish", "tcp://127.0.0.1:0").Endpoints()[0], "SUB"},
		{"a ventilator", mustSender(t, "push", "tcp://127.0.0.1:0").Endpoints()[0], "PULL"},
		{"SUB", sub.Endpoints()[0], "PUB"},
		{"PULL", pull.Endpoints()[0], "PUSH"},
	}
	for _, test := range tests {
		round := func() {
			for range 500 {
				c, err := net.Dial("tcp", strings.TrimPrefix(test.endpoint, "tcp://"))
				if err != nil {
					t.Fatal(err)
				}
				c.SetDeadline(time.Now().Add(ample))
				p := rawPeer{t, c}.handshakeAs(test.peer)
				if test.peer == "SUB" {
					p.Write(message("\x01host"))
				}
				p.Close()
			}
		}
		round()
		round()
		files, memory := openFiles(t), resident(t)
		round()
		round()
		round()
		for end := time.Now().Add(ample); openFiles(t) > files && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if f := openFiles(t); f > files {
			t.Errorf("%s: %d files became %d", test.name, files, f)
		}
		if grown := resident(t) - memory; grown > 8<<20 { // trap 6 makes that 21 MB
			t.Errorf("%s: grew by %d bytes", test.name, grown)
		}
	}
}

// resident is the process' memory, in bytes, without what Go could give back.
func resident(t *testing.T) int {
	debug.FreeOSMemory()
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int
	fmt.Fscan(bytes.NewReader(content), &size, &pages)
	return pages * os.Getpagesize()
}

// Who publishes is told who wants what: of each subscription, also where another has the same, and of the last one's end.
func TestSubscribed(t *testing.T) {
	told := make(chan string, 100)
	s, err := BindSender(SenderOptions{Pattern: "publish", Binds: []string{"tcp://127.0.0.1:0"}, Subscribed: func(topic string, on bool) {
		told <- fmt.Sprint(topic, " ", on)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		case <-time.After(ample):
			t.Fatalf("not told of %q", want)
		}
	}
	const subscriber = `
s = c.socket(zmq.SUB)
s.connect(a[0])
for line in sys.stdin:
    (s.unsubscribe if line[0] == "-" else s.subscribe)(line[1:].strip())`
	one, two := python(t, subscriber, s.Endpoints()[0]), python(t, subscriber, s.Endpoints()[0])
	fmt.Fprintln(one.stdin, "+view.a")
	expect("view.a true")
	fmt.Fprintln(two.stdin, "+view.a")
	expect("view.a true")
	fmt.Fprintln(one.stdin, "-view.a")
	fmt.Fprintln(one.stdin, "+view.b")
	expect("view.b true")
	if err := two.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	expect("view.a false")
	fmt.Fprintln(one.stdin, "-view.b")
	expect("view.b false")

	// What is no subscription is none.
	python(t, `
s = c.socket(zmq.XSUB)
s.connect(a[0])
s.send(b"\x02view.c")
s.send(b"")
s.send(b"\x01view.d")
time.sleep(60)`, s.Endpoints()[0])
	expect("view.d true")
}
