package zmq

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// sending is a program in another language that sends the same until it is killed, and what comes of it.
type sending struct{ socket, pattern, script, topic, payload, fault string }

var sendings = []sending{
	{"PUB", "publish", `s.send_multipart([b"host", b"hello"])`, "host", "hello", ""},
	{"XPUB", "publish", `s.send_multipart([b"host", b"hello"])`, "host", "hello", ""},
	{"PUB", "publish", `s.send(b"host alone")`, "", "host alone", ""},
	{"PUB", "publish", `s.send_multipart([b"host", b"hello", b"world"])`, "host", "hello", "2 payload frames, one expected after the topic"},
	{"PUSH", "push", `s.send(b"hello")`, "", "hello", ""},
	{"PUSH", "push", `s.send(b"")`, "", "", ""},
	{"PUSH", "push", `s.send_multipart([b"hello", b"world"])`, "", "hello", "2 payload frames, one expected"},
	{"PAIR", "pair", `s.send(b"hello")`, "", "hello", ""},
	{"REQ", "request", `s.send(b"hello"); s.recv()`, "", "hello", ""},
	{"DEALER", "request", `s.send_multipart([b"", b"hello"])`, "", "hello", ""},
}

// eachWay runs a test for each program, and for each sort of endpoint that either side may bind.
func eachWay(t *testing.T, test func(t *testing.T, bind string, send sending)) {
	for _, send := range sendings {
		for _, bind := range []string{"tcp://127.0.0.1:*", "tcp://[::1]:*", "ipc:"} {
			t.Run(send.socket+" "+bind, func(t *testing.T) {
				t.Parallel()
				if bind == "ipc:" {
					bind = "ipc://" + t.TempDir() + "/s"
				}
				test(t, bind, send)
			})
		}
	}
}

func TestOthersSend(t *testing.T) {
	eachWay(t, func(t *testing.T, bind string, send sending) {
		r, got := mustReceive(t, ServerOptions{Pattern: send.pattern, Binds: []string{bind}, Topics: []string{"ho"}})
		python(t, `
s = c.socket(zmq.`+send.socket+`)
s.setsockopt(zmq.IPV6, 1)
s.connect(a[0])
while True:
    `+send.script+`
    time.sleep(0.02) # a plain PUB does not know when it is heard
`, r.Endpoints()[0])
		expect(t, got, send.topic, send.payload, send.fault)
	})
}

func TestConnectToOthers(t *testing.T) {
	eachWay(t, func(t *testing.T, bind string, send sending) {
		p := python(t, `
s = c.socket(zmq.`+send.socket+`)
s.setsockopt(zmq.IPV6, 1)
s.bind(a[0])
say(s.last_endpoint.rstrip(b"\0").decode())
while True:
    `+send.script+`
    time.sleep(0.02)
`, bind)
		_, got := mustReceive(t, ServerOptions{Pattern: send.pattern, Connects: []string{p.line()}, Topics: []string{"ho"}})
		expect(t, got, send.topic, send.payload, send.fault)
	})
}

// Several endpoints of both sorts at once, one of them a name, and another one that nobody has yet.
func TestBindAndConnect(t *testing.T) {
	one, err := BindSender(SenderOptions{Pattern: "push", Binds: []string{"tcp://127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	later := freePort(t)
	named := strings.Replace(one.Endpoints()[0], "127.0.0.1", "localhost", 1)
	events := make(chan error, 10)
	r, got := mustReceive(t, ServerOptions{
		Pattern: "push", Binds: []string{"tcp://127.0.0.1:0", "ipc://" + t.TempDir() + "/s"}, Connects: []string{"tcp://hub.invalid:1", named, later},
		Event: func(err error) { events <- err },
	})
	c := newClient(t, ClientOptions{})
	push(t, c, "a", r.Endpoints()[0])
	expect(t, got, "", "a", "")
	push(t, c, "b", r.Endpoints()[1])
	expect(t, got, "", "b", "")
	if err := one.Send(t.Context(), "", []byte("c")); err != nil {
		t.Fatal(err)
	}
	expect(t, got, "", "c", "")
	if err := <-events; !strings.Contains(err.Error(), "tcp://hub.invalid:1") || !strings.Contains(err.Error(), "cannot be resolved") {
		t.Errorf("the event is %v", err)
	}
	two, err := BindSender(SenderOptions{Pattern: "push", Binds: []string{later}})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if err := two.Send(t.Context(), "", []byte("d")); err != nil {
		t.Fatal(err)
	}
	expect(t, got, "", "d", "")
}

func TestOwnBothEnds(t *testing.T) {
	sub, published := mustReceive(t, ServerOptions{Pattern: "publish", Topics: []string{"host", "alert"}})
	pull, pushed := mustReceive(t, ServerOptions{Pattern: "push"})
	pair := mustBind(t, ServerOptions{Pattern: "pair"})
	mustServe(t, pair, echo)
	c := newClient(t, ClientOptions{})
	for i := range 20 {
		payload := fmt.Sprint(i)
		publish(t, c, sub.Endpoints()[0], "host", payload)
		expect(t, published, "host", payload, "")
		push(t, c, payload, pull.Endpoints()[0])
		expect(t, pushed, "", payload, "")
		if _, err := c.Pair(t.Context(), pair.Endpoints()[0], []byte(payload), is0(payload)); err != nil {
			t.Error(err)
		}
	}
	inTime(t, 100*time.Millisecond, func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if err := c.Publish(ctx, sub.Endpoints()[0], "network", nil); kindOf(err) != NoSubscriber {
			return fmt.Errorf("a topic without subscription: %v", err)
		}
		return nil
	})
}

// One client sends on, whatever listeners come and go (a listener's own forward does so for months).
func TestClientOutlivesListeners(t *testing.T) {
	c := newClient(t, ClientOptions{})
	endpoint := freePort(t)
	for range 3 {
		for _, pattern := range []string{"publish", "push", "pair"} {
			o := ServerOptions{Pattern: pattern, Binds: []string{endpoint}}
			got := make(chan Request, 100)
			stop := mustServe(t, mustBind(t, o), func(q Request) { q.Reply(q.Payload); got <- q })
			for arrived := false; !arrived; { // once at most: the first may go to the listener before
				var err error
				switch pattern {
				case "publish":
					err = c.Publish(t.Context(), endpoint, "host", []byte("x"))
				case "push":
					err = c.Push(t.Context(), []string{endpoint}, []byte("x"))
				case "pair":
					_, err = c.Pair(t.Context(), endpoint, []byte("x"), is0("x"))
				}
				if err != nil {
					t.Fatalf("%s: %v", pattern, err)
				}
				select {
				case <-got:
					arrived = true
				case <-time.After(500 * time.Millisecond):
				}
			}
			stop()
		}
	}
}

// A pair is answered, in another language too; who is second is not, and learns it.
func TestPairServesOne(t *testing.T) {
	r := mustBind(t, ServerOptions{Pattern: "pair"})
	mustServe(t, r, echo)
	p := python(t, `
s = c.socket(zmq.PAIR)
s.connect(a[0])
s.send(b"hello"); say(s.recv())
sys.stdin.readline()
s.close(); c.term(); say("gone")`, r.Endpoints()[0])
	if got := p.line(); got != "b'hello'" {
		t.Errorf("got %s", got)
	}
	c := newClient(t, ClientOptions{})
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error {
		if err := pairWithin(t, c, r.Endpoints()[0], limit); kindOf(err) != Timeout {
			return fmt.Errorf("the second one got %v", err)
		}
		return nil
	})
	fmt.Fprintln(p.stdin)
	p.line()
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error { // the first has gone
		return pairWithin(t, c, r.Endpoints()[0], limit)
	})
}

// pairWithin asks for x, which an echo answers.
func pairWithin(t testing.TB, c *Client, endpoint string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err := c.Pair(ctx, endpoint, []byte("x"), func(answer []byte) bool { return strings.EqualFold(string(answer), "x") })
	return err
}

// Peers of a Server that reads no more are held up and lose nothing.
func TestPushBackpressure(t *testing.T) {
	r := mustBind(t, ServerOptions{Pattern: "push", Outstanding: 5})
	open := make(chan Request, 10)
	mustServe(t, r, func(q Request) { open <- q })
	c := newClient(t, ClientOptions{})
	sent := untilStuck(t, func(ctx context.Context, payload []byte) error {
		return c.Push(ctx, []string{r.Endpoints()[0]}, payload)
	})
	for end := time.Now().Add(ample); len(open) < 5 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if len(open) != 5 {
		t.Errorf("%d are open", len(open))
	}
	for i := range sent {
		q := <-open
		if len(q.Payload) != 20_000 || int(q.Payload[6])<<8+int(q.Payload[7]) != i {
			t.Fatalf("number %d is not the next", i)
		}
		q.Drop()
	}
}

// The listener connects, and the other side is restarted.
func TestConnectionIsMadeAgain(t *testing.T) {
	endpoint := freePort(t)
	_, got := mustReceive(t, ServerOptions{Pattern: "push", Connects: []string{endpoint}})
	for i := range 3 {
		s, err := BindSender(SenderOptions{Pattern: "push", Binds: []string{endpoint}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), "", []byte(fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
		expect(t, got, "", fmt.Sprint(i), "")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestListenErrors(t *testing.T) {
	for _, o := range []ServerOptions{
		{Pattern: "shout", Binds: []string{"tcp://127.0.0.1:0"}},
		{Pattern: "push"},
		{Pattern: "push", Connects: []string{"tcp://*:1"}},
		{Pattern: "pair", Connects: []string{"tcp://127.0.0.1:1"}, Binds: []string{"tcp://127.0.0.1:0"}},
	} {
		if s, err := Listen(o); err == nil {
			s.Close()
			t.Errorf("%+v: listens", o)
		}
	}
}

// Of several addresses the one that answers is taken, and kept while it does.
func TestPickAddress(t *testing.T) {
	l, err := net.Listen("tcp", strings.TrimPrefix(freePort(t), "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	e := Endpoint{Scheme: "tcp", Host: "127.0.0.1", Port: port}
	if address, final, err := pickAddress(t.Context(), e, ""); address != e.String() || !final || err != nil {
		t.Errorf("got %q, %v, %v", address, final, err)
	}
	e.Host = "localhost"
	want := fmt.Sprintf("tcp://127.0.0.1:%d", port)
	if address, final, err := pickAddress(t.Context(), e, ""); address != want || final || err != nil {
		t.Errorf("got %q, %v, %v", address, final, err)
	}
	e.Host = "hub.invalid"
	if _, final, err := pickAddress(t.Context(), e, ""); final || kindOf(err) != Unresolvable {
		t.Errorf("got %v, %v", final, err)
	}
}
