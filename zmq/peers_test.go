package zmq

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Programs in another language send requests, each in its own framing, and get the answer as they expect it.
func TestOthersAsk(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"REQ", `
s = c.socket(zmq.REQ); s.connect(a[0])
s.send(b"hello"); say(s.recv_multipart())`,
			`[b'hello']`},
		{"REQ with correlate", `
s = c.socket(zmq.REQ); s.req_correlate = 1; s.req_relaxed = 1; s.connect(a[0])
s.send(b"hello"); say(s.recv_multipart())`,
			`[b'hello']`},
		{"DEALER with delimiter", `
s = c.socket(zmq.DEALER); s.connect(a[0])
s.send_multipart([b"", b"hello"]); say(s.recv_multipart())`,
			`[b'', b'hello']`},
		{"DEALER with id", `
s = c.socket(zmq.DEALER); s.connect(a[0])
s.send_multipart([b"sixteen byte id.", b"hello"]); say(s.recv_multipart())`,
			`[b'sixteen byte id.', b'hello']`},
		{"DEALER with neither", `
s = c.socket(zmq.DEALER); s.connect(a[0])
s.send(b"hello"); say(s.recv_multipart())`,
			`[b'hello']`},
		{"REQ through a relay", `
import threading
front = c.socket(zmq.ROUTER); port = front.bind_to_random_port("tcp://127.0.0.1")
back = c.socket(zmq.DEALER); back.connect(a[0])
threading.Thread(target=zmq.proxy, args=(front, back), daemon=True).start()
s = c.socket(zmq.REQ); s.connect("tcp://127.0.0.1:%d" % port)
s.send(b"hello"); say(s.recv_multipart())`,
			`[b'hello']`},
		{"REQ with two frames", `
s = c.socket(zmq.REQ); s.connect(a[0])
s.send_multipart([b"hello", b"world"]); say(s.recv_multipart())`,
			`[b'fault: 2 payload frames, one expected']`},
		{"REQ with many frames", `
s = c.socket(zmq.REQ); s.connect(a[0])
s.send_multipart([b"x"] * 1000); say(s.recv_multipart())`,
			`[b'fault: 1000 payload frames, one expected']`},
		{"DEALER with nothing", `
s = c.socket(zmq.DEALER); s.connect(a[0])
s.send(b""); say(s.recv_multipart())`,
			`[b'', b'fault: no payload: one frame expected after the empty one']`},
		{"empty payload", `
s = c.socket(zmq.REQ); s.connect(a[0])
s.send(b""); say(s.recv_multipart())`,
			`[b'']`},
		{"DEALER with a window", `
s = c.socket(zmq.DEALER); s.connect(a[0])
for i in range(1000): s.send_multipart([struct.pack("!IQQ", i, 0, 0), b"hello"])
say(len({s.recv_multipart()[0] for i in range(1000)}))`,
			`1000`},
	}
	r := mustBind(t, ServerOptions{Outstanding: 100})
	mustServe(t, r, func(q Request) {
		if q.Peer != "127.0.0.1" {
			t.Errorf("the peer is %q", q.Peer)
		}
		go echo(q)
	})
	t.Run("all", func(t *testing.T) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				if got := python(t, test.script, r.Endpoints()[0]).line(); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		}
	})
}

// Any REP, and any ROUTER that repeats what precedes the payload, can answer our client.
func TestOthersAnswer(t *testing.T) {
	tests := []struct{ name, script string }{
		{"REP", `
s = c.socket(zmq.REP)
say(s.bind_to_random_port("tcp://127.0.0.1"))
while True: s.send(s.recv().upper())`},
		{"ROUTER", `
s = c.socket(zmq.ROUTER)
say(s.bind_to_random_port("tcp://127.0.0.1"))
while True:
    *route, payload = s.recv_multipart()
    s.send_multipart(route + [payload.upper()])`},
		// Answers of others, of earlier requests, without an id, and each twice (trap 12).
		{"ROUTER that babbles", `
s = c.socket(zmq.ROUTER)
say(s.bind_to_random_port("tcp://127.0.0.1"))
while True:
    peer, id, empty, payload = s.recv_multipart()
    s.send_multipart([peer, struct.pack("!I", struct.unpack("!I", id)[0] - 1), empty, b"of the one before"])
    s.send_multipart([peer, id, b"no delimiter"])
    s.send_multipart([peer, b"x"])
    s.send_multipart([peer, b"", b"x"])
    for i in range(200): s.send_multipart([peer, b"?", empty, b"x"])
    for i in range(2): s.send_multipart([peer, id, empty, payload.upper()])`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			endpoint := "tcp://127.0.0.1:" + python(t, test.script).line()
			c := newClient(t, ClientOptions{})
			for i := range 5 {
				question := fmt.Sprint("question ", i)
				if got := ask(t, c, endpoint, question); got != strings.ToUpper(question) {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

func TestAnswersOfNoUse(t *testing.T) {
	tests := []struct {
		name, answer string
		kind         ErrorKind
		text         string
	}{
		{"two frames", `[peer, id, empty, b"one", b"two"]`, BadAnswer, "2 frames"},
		{"no id", `[peer, b"answer"]`, Timeout, "none of the 1 answers carried"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := python(t, `
s = c.socket(zmq.ROUTER)
say(s.bind_to_random_port("tcp://127.0.0.1"))
peer, id, empty, payload = s.recv_multipart()
s.send_multipart(`+test.answer+`)
time.sleep(60)`)
			endpoint := "tcp://127.0.0.1:" + p.line()
			err := refused(t, newClient(t, ClientOptions{}), endpoint, test.kind, 300*time.Millisecond)
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("the error does not say %q: %v", test.text, err)
			}
		})
	}
}

// A stopped program takes what it is sent, says nothing, and answers when it goes on: that answer is nobody's
// (traps 10 and 12).
func TestStoppedProgram(t *testing.T) {
	p := python(t, `
s = c.socket(zmq.REP)
say(s.bind_to_random_port("tcp://127.0.0.1"))
while True: s.send(s.recv())`)
	endpoint := "tcp://127.0.0.1:" + p.line()
	c := newClient(t, ClientOptions{})
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error {
		ask(t, c, endpoint, "one")
		p.stop()
		defer p.goOn()
		_, _, err := refusal(t, c, endpoint, Timeout, limit)
		to, _ := ParseEndpoint(endpoint)
		if link, _ := c.requestsTo(to); err == nil && link.connection != nil {
			t.Error("the connection that holds a request given up is kept")
		}
		return err
	})
	if got := ask(t, c, endpoint, "three"); got != "three" {
		t.Errorf("got %q", got)
	}
}

// What a stopped program did not take does not hold up the client's end (section 2, LINGER).
func TestCloseWithUnsentData(t *testing.T) {
	p := python(t, `
s = c.socket(zmq.REP)
say(s.bind_to_random_port("tcp://127.0.0.1"))
while True: s.send(s.recv())`)
	endpoint := "tcp://127.0.0.1:" + p.line()
	c := newClient(t, ClientOptions{MaxMessage: 64 << 20})
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error {
		p.goOn()
		ask(t, c, endpoint, "one")
		p.stop()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if _, err := c.Request(ctx, endpoint, make([]byte, 64<<20)); kindOf(err) != Timeout {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
	closed := make(chan error)
	go func() { closed <- c.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(ample):
		t.Fatal("Close hangs")
	}
}

// What was given up is not sent later, when somebody listens at last.
func TestNothingIsDeliveredLater(t *testing.T) {
	endpoint := freePort(t)
	c := newClient(t, ClientOptions{})
	refused(t, c, endpoint, Unreachable, time.Second)
	seen := make(chan string, 10)
	mustServe(t, mustBind(t, ServerOptions{Binds: []string{endpoint}}), func(q Request) {
		seen <- string(q.Payload)
		q.Reply(nil)
	})
	ask(t, c, endpoint, "now")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // three of libzmq's reconnect intervals
	defer cancel()
	for _, want := range []string{"now", "nothing"} {
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("%q was delivered, want %s", got, want)
			}
		case <-ctx.Done():
		}
	}
}
