package zmq

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// curveKeys is a pair as Z85 text, and its public half in hex.
type curveKeys struct{ secret, public, hex string }

func newCurveKeys(t testing.TB) curveKeys {
	t.Helper()
	secret, err := NewCurveSecret()
	if err != nil {
		t.Fatal(err)
	}
	public, err := CurvePublic(secret)
	if err != nil {
		t.Fatal(err)
	}
	digits, err := CurveHex(public)
	if err != nil {
		t.Fatal(err)
	}
	return curveKeys{secret, public, digits}
}

// curved is a client that speaks CURVE with the listener of that key.
func curved(t testing.TB, server string, own curveKeys) *Client {
	return newClient(t, ClientOptions{Curve: &CurveClient{Server: server, Secret: own.secret}})
}

// patterns are the ways to send one message by each pattern.
var patterns = map[string]func(ctx context.Context, c *Client, endpoint string) error{
	"request": func(ctx context.Context, c *Client, endpoint string) error {
		_, err := c.Request(ctx, endpoint, []byte("hello"))
		return err
	},
	"publish": func(ctx context.Context, c *Client, endpoint string) error {
		return c.Publish(ctx, endpoint, "topic", []byte("hello"))
	},
	"push": func(ctx context.Context, c *Client, endpoint string) error {
		return c.Push(ctx, []string{endpoint}, []byte("hello"))
	},
	"pair": func(ctx context.Context, c *Client, endpoint string) error {
		_, err := c.Pair(ctx, endpoint, []byte("hello"), func([]byte) bool { return true })
		return err
	},
}

// Who is let in by which gate, in every pattern: nobody but a CURVE client that means this listener and is admitted, and
// its messages say who it is. Each failure is a broken handshake and not an absent listener, told before the deadline
// where libzmq tells it.
func TestCurve(t *testing.T) {
	server, other, client := newCurveKeys(t), newCurveKeys(t), newCurveKeys(t)
	plain := func(t testing.TB) *Client { return newClient(t, ClientOptions{}) }
	right := func(t testing.TB) *Client { return curved(t, server.public, client) }
	wrong := func(t testing.TB) *Client { return curved(t, other.public, client) }
	known := func(key, _ string) bool { return key == client.hex }
	tests := []struct {
		name   string
		curve  *CurveServer
		client func(testing.TB) *Client
		kind   ErrorKind // "" for one that is let in
		text   string
	}{
		{"off, no CURVE", nil, plain, "", ""},
		{"off, CURVE", nil, right, Handshake, "CURVE"},
		{"any, no CURVE", &CurveServer{Secret: server.secret}, plain, Handshake, ""},
		{"any, the wrong listener", &CurveServer{Secret: server.secret}, wrong, Handshake, "server_key"},
		{"any, right", &CurveServer{Secret: server.secret}, right, "", ""},
		{"enrolled, no CURVE", &CurveServer{Secret: server.secret, Admits: known}, plain, Handshake, ""},
		{"enrolled, the wrong listener", &CurveServer{Secret: server.secret, Admits: known}, wrong, Handshake, "server_key"},
		{"enrolled, unknown", &CurveServer{Secret: server.secret, Admits: known}, func(t testing.TB) *Client { return curved(t, server.public, other) }, NotAdmitted, "does not admit this CURVE key (ZAP 400)"},
		{"enrolled, right", &CurveServer{Secret: server.secret, Admits: known}, right, "", ""},
	}
	for pattern, send := range patterns {
		for _, tt := range tests {
			t.Run(pattern+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				r, got := mustReceive(t, ServerOptions{Pattern: pattern, Curve: tt.curve})
				c := tt.client(t)
				if tt.kind != "" {
					inTime(t, time.Second, func(limit time.Duration) error {
						ctx, cancel := context.WithTimeout(t.Context(), limit)
						defer cancel()
						return wantCurveError(send(ctx, c, r.Endpoints()[0]), tt.kind, tt.text)
					})
					if r.Unknown() != 0 || len(got) != 0 {
						t.Errorf("%d messages came in, %d without a key", len(got), r.Unknown())
					}
					return
				}
				if err := send(t.Context(), c, r.Endpoints()[0]); err != nil {
					t.Fatal(err)
				}
				q := <-got
				if want := map[bool]string{true: client.hex}[tt.curve != nil]; string(q.Payload) != "hello" || q.Client != want || q.Peer != "127.0.0.1" {
					t.Errorf("%q came from %q at %s, want %q", q.Payload, q.Client, q.Peer, want)
				}
			})
		}
	}
}

// wantCurveError is what is wrong with err.
func wantCurveError(err error, kind ErrorKind, text string) error {
	if err == nil || kindOf(err) != kind || !strings.Contains(err.Error(), text) {
		return fmt.Errorf("got the kind %s, %v; want %s with %q", kindOf(err), err, kind, text)
	}
	return nil
}

// Without an answer to wait for, who is shut out hears it at once.
func TestNotAdmittedIsToldAtOnce(t *testing.T) {
	server := newCurveKeys(t)
	for pattern, send := range patterns {
		r, _ := mustReceive(t, ServerOptions{Pattern: pattern, Curve: &CurveServer{Secret: server.secret, Admits: func(string, string) bool { return false }}})
		start := time.Now()
		err := send(t.Context(), curved(t, server.public, newCurveKeys(t)), r.Endpoints()[0])
		if kindOf(err) != NotAdmitted || time.Since(start) > ample/2 {
			t.Errorf("%s: %v after %v", pattern, err, time.Since(start))
		}
	}
}

// A client without a key of its own is let in where any is, each time as another.
func TestCurveWithoutOwnKey(t *testing.T) {
	server := newCurveKeys(t)
	r, got := mustReceive(t, ServerOptions{Curve: &CurveServer{Secret: server.secret}})
	seen := map[string]bool{}
	for range 3 {
		c := newClient(t, ClientOptions{Curve: &CurveClient{Server: server.public}})
		for range 2 {
			ask(t, c, r.Endpoints()[0], "hello")
			seen[(<-got).Client] = true
		}
	}
	if len(seen) != 3 || seen[""] {
		t.Errorf("three clients were %v", seen)
	}
}

// What is admitted changes as the function's answer does: whoever is taken in comes in, and the next connection of who is
// put out does not. An open one goes on, and says whose it is.
func TestCurveAdmitsAsItChanges(t *testing.T) {
	server, client := newCurveKeys(t), newCurveKeys(t)
	var admitted atomic.Bool
	r := mustBind(t, ServerOptions{Curve: &CurveServer{Secret: server.secret, Admits: func(string, string) bool { return admitted.Load() }}})
	mustServe(t, r, func(q Request) { q.Reply([]byte(q.Client)) })
	endpoint := r.Endpoints()[0]
	before := curved(t, server.public, client)
	refused(t, before, endpoint, NotAdmitted, time.Second)
	admitted.Store(true)
	ask(t, before, endpoint, "I am in")
	admitted.Store(false)
	if got := ask(t, before, endpoint, "still here"); got != client.hex {
		t.Errorf("the open connection says %q", got)
	}
	refused(t, curved(t, server.public, client), endpoint, NotAdmitted, time.Second)
}

// One who pushes or publishes and binds is as choosy, and one who receives and connects speaks with the right one alone.
func TestCurveOfSenders(t *testing.T) {
	server, worker := newCurveKeys(t), newCurveKeys(t)
	for _, pattern := range []string{"push", "publish"} {
		t.Run(pattern, func(t *testing.T) {
			subscribed := make(chan string, 10)
			s, err := BindSender(SenderOptions{Pattern: pattern, Binds: []string{"tcp://127.0.0.1:0"},
				Curve:      &CurveServer{Secret: server.secret, Admits: func(client, _ string) bool { return client == worker.hex }},
				Subscribed: func(topic string, on bool) { subscribed <- fmt.Sprint(topic, on) }})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var others []<-chan Request
			for _, of := range []*CurveClient{nil, {Server: server.public}, {Server: newCurveKeys(t).public, Secret: worker.secret}} {
				_, got := mustReceive(t, ServerOptions{Pattern: pattern, Connects: s.Endpoints(), CurveOf: of})
				others = append(others, got)
			}
			_, got := mustReceive(t, ServerOptions{Pattern: pattern, Connects: s.Endpoints(), CurveOf: &CurveClient{Server: server.public, Secret: worker.secret}})
			if pattern == "publish" {
				<-subscribed
			}
			if err := s.Send(t.Context(), "topic", []byte("work")); err != nil {
				t.Fatal(err)
			}
			expect(t, got, map[bool]string{true: "topic"}[pattern == "publish"], "work", "")
			for i, o := range others {
				if len(o) > 0 {
					t.Errorf("number %d of those who may not got it", i)
				}
			}
		})
	}
}

// Keys that are none, and two roles at once, are errors before anything is bound or sent.
func TestCurveRefusesKeys(t *testing.T) {
	good := newCurveKeys(t)
	for _, bad := range []string{"", "short", strings.Repeat("~", 40), good.secret[:39] + "\x00", good.hex} {
		if _, err := Listen(ServerOptions{Binds: []string{"tcp://127.0.0.1:0"}, Curve: &CurveServer{Secret: bad}}); err == nil {
			t.Errorf("a listener with the key %q", bad)
		}
		if _, err := BindSender(SenderOptions{Pattern: "push", Binds: []string{"tcp://127.0.0.1:0"}, Curve: &CurveServer{Secret: bad}}); err == nil {
			t.Errorf("a sender with the key %q", bad)
		}
		c := newClient(t, ClientOptions{Curve: &CurveClient{Server: bad}})
		if _, err := c.Request(t.Context(), "tcp://127.0.0.1:1", nil); kindOf(err) != Failed || !strings.Contains(err.Error(), "Z85") {
			t.Errorf("a client that means the key %q: %v", bad, err)
		}
	}
	both := ServerOptions{Pattern: "push", Binds: []string{"tcp://127.0.0.1:0"}, Curve: &CurveServer{Secret: good.secret}, CurveOf: &CurveClient{Server: good.public}}
	if _, err := Listen(both); err == nil {
		t.Error("one socket in two roles")
	}
}
