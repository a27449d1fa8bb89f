package zmq

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const echoPair = `
s = c.socket(zmq.PAIR)
s.setsockopt(zmq.IPV6, 1)
s.bind(a[0])
say(s.last_endpoint.rstrip(b"\0").decode())
while True:
    m = s.recv()
    if m.startswith(b"say "): say(m.decode())
    else:
        s.send(b"unasked")
        s.send(m.upper())`

func is0(want string) func([]byte) bool {
	return func(answer []byte) bool { return string(answer) == want }
}

func TestPairWithOthers(t *testing.T) {
	for _, bind := range []string{"tcp://127.0.0.1:*", "tcp://[::1]:*", "ipc://" + t.TempDir() + "/s"} {
		p := python(t, echoPair, bind)
		endpoint := p.line()
		c := newClient(t, ClientOptions{})
		for i := range 10 {
			answer, err := c.Pair(t.Context(), endpoint, []byte(fmt.Sprint("q", i)), is0(fmt.Sprint("Q", i)))
			if err != nil || string(answer) != fmt.Sprint("Q", i) {
				t.Fatalf("got %q, %v", answer, err)
			}
			if _, err := c.Pair(t.Context(), endpoint, []byte("say hello"), nil); err != nil {
				t.Fatal(err)
			}
			if got := p.line(); got != "say hello" {
				t.Errorf("got %q", got)
			}
		}
	}
}

// Whoever comes second hears nothing, and learns that in time (trap 7); when the first has gone, the next try works.
func TestSecondPair(t *testing.T) {
	p := python(t, echoPair, "tcp://127.0.0.1:*")
	endpoint := p.line()
	first, second := NewClient(ClientOptions{Timeout: ample, Linger: ample}), newClient(t, ClientOptions{})
	if _, err := first.Pair(t.Context(), endpoint, []byte("x"), is0("X")); err != nil {
		t.Fatal(err)
	}
	inTime(t, 300*time.Millisecond, func(limit time.Duration) error {
		err := pairWithin(t, second, endpoint, limit)
		if kindOf(err) != Timeout || !strings.Contains(err.Error(), "another peer may hold this pair") {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error { // the first has gone
		return pairWithin(t, second, endpoint, limit)
	})
}

// What else can stand at the other end, for publish and pair, is told at once where it can be.
func TestOtherFailures(t *testing.T) {
	tests := []struct {
		name     string
		endpoint func(t *testing.T) string
		kind     ErrorKind
		atOnce   bool
	}{
		{"refused", freePort, Unreachable, true},
		{"unknown name", fixed("tcp://hub.invalid:5309"), Unresolvable, true},
		{"black hole", func(t *testing.T) string { return "tcp://" + blackHole(t, "127.0.0.1:0") }, Silent, false},
		{"says nothing", raw("", true), Handshake, false},
		{"another socket type", drops, Handshake, true},
		{"no endpoint", fixed("tcp://nobody"), BadEndpoint, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			endpoint := test.endpoint(t)
			calls := map[string]func(*Client) error{
				"publish": func(c *Client) error { return c.Publish(t.Context(), endpoint, "host", nil) },
				"pair":    func(c *Client) error { _, err := c.Pair(t.Context(), endpoint, nil, is0("")); return err },
				"push":    func(c *Client) error { return c.Push(t.Context(), []string{endpoint}, nil) },
			}
			for name, call := range calls {
				inTime(t, 500*time.Millisecond, func(limit time.Duration) error {
					c := newClient(t, ClientOptions{Timeout: limit})
					start := time.Now()
					err := call(c)
					took := time.Since(start)
					if took > limit*3/2 || test.atOnce && name != "push" && took > limit/2 {
						return fmt.Errorf("%s took %v of %v", name, took, limit)
					}
					if kindOf(err) != test.kind || !strings.Contains(err.Error(), endpoint) {
						return fmt.Errorf("%s: got %v, want the kind %s", name, err, test.kind)
					}
					return nil
				})
			}
		})
	}
}

// A second peer that says something and goes must not end the process, which libzmq does by heartbeats: once due, two of
// their intervals later. 20 s, since the socket's options cannot be seen from here.
func TestSecondPairLeaves(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("SOAK=1 waits for it")
	}
	r, got := mustReceive(t, ServerOptions{Pattern: "pair"})
	first, second := newClient(t, ClientOptions{}), NewClient(ClientOptions{})
	say := func() {
		if _, err := first.Pair(t.Context(), r.Endpoints()[0], []byte("x"), nil); err != nil {
			t.Error(err)
		}
		expect(t, got, "", "x", "")
	}
	say()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := second.Pair(ctx, r.Endpoints()[0], []byte("x"), is0("")); kindOf(err) != Timeout {
		t.Errorf("the second got %v", err)
	}
	second.Close()
	time.Sleep(25 * time.Second)
	say()
}
