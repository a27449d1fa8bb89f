package zmq

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/pebbe/zmq4"
)

// subscriber is a plain SUB that binds, subscribes to its arguments and says what it receives.
const subscriber = `
s = c.socket(zmq.SUB)
s.setsockopt(zmq.IPV6, 1)
s.bind(a[0])
for topic in a[1:]: s.subscribe(topic)
say(s.last_endpoint.rstrip(b"\0").decode())
while True: say(*(f.decode() for f in s.recv_multipart()))`

func publish(t testing.TB, c *Client, endpoint, topic, payload string) {
	t.Helper()
	if err := c.Publish(t.Context(), endpoint, topic, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// A new program each, that publishes once and ends: all arrive, though nobody sleeps (DESIGN.md section 5).
func TestOneShotPublishers(t *testing.T) {
	p := python(t, subscriber, "tcp://127.0.0.1:*", "host")
	endpoint := p.line()
	for i := range 20 {
		c := NewClient(ClientOptions{Timeout: ample, Linger: ample})
		publish(t, c, endpoint, "host", fmt.Sprint(i))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := p.line(), fmt.Sprint("host ", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestPublishToOthers(t *testing.T) {
	for _, bind := range []string{"tcp://127.0.0.1:*", "tcp://[::1]:*", "ipc://" + t.TempDir() + "/s"} {
		p := python(t, subscriber, bind, "ho", "alert")
		endpoint := p.line()
		c := newClient(t, ClientOptions{})
		for _, topic := range []string{"host", "alert", "hotel"} {
			publish(t, c, endpoint, topic, "hello")
			if got := p.line(); got != topic+" hello" {
				t.Errorf("%s: got %q", bind, got)
			}
		}
	}
}

func TestNoSubscriber(t *testing.T) {
	p := python(t, subscriber, "tcp://127.0.0.1:*", "host")
	endpoint := p.line()
	c := newClient(t, ClientOptions{})
	told := regexp.MustCompile(`nobody subscribes to "alert" within [0-9.]+m?s:`)
	inTime(t, 300*time.Millisecond, func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		failed := make(chan error, 1)
		go func() { failed <- c.Publish(ctx, endpoint, "alert", nil) }()
		for range 5 {
			publish(t, c, endpoint, "host", "others go on meanwhile")
			p.line()
		}
		if err := <-failed; kindOf(err) != NoSubscriber || !told.MatchString(err.Error()) {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
}

// The subscription comes while the publisher waits, and ends again.
func TestSubscriptionsComeAndGo(t *testing.T) {
	p := python(t, `
s = c.socket(zmq.SUB)
say(s.bind_to_random_port("tcp://127.0.0.1"))
for line in sys.stdin:
    getattr(s, line.strip())("host")
    if line.strip() == "subscribe": say(*s.recv_multipart())
    else: say("done")`)
	endpoint := "tcp://127.0.0.1:" + p.line()
	to, _ := ParseEndpoint(endpoint)
	c := newClient(t, ClientOptions{})
	published := make(chan error)
	for range 2 {
		go func() { published <- c.Publish(t.Context(), endpoint, "host", []byte("x")) }()
		select {
		case err := <-published:
			t.Fatalf("published to nobody: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		fmt.Fprintln(p.stdin, "subscribe")
		if got := p.line(); got != "b'host' b'x'" {
			t.Errorf("got %s", got)
		}
		if err := <-published; err != nil {
			t.Error(err)
		}
		fmt.Fprintln(p.stdin, "unsubscribe")
		p.line()
		untilConnection(t, c.linkTo(zmq4.XPUB, to), func(c *connection) bool { return c.readTopics() == nil && !c.subscribed("host") })
	}
}

// untilConnection waits until a link's connection has come to a state.
func untilConnection(t testing.TB, l *link, is func(*connection) bool) {
	t.Helper()
	for end := time.Now().Add(ample); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := l.hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := is(l.connection)
		l.release()
		if done {
			return
		}
	}
	t.Fatal("the connection does not come to that state")
}

// A subscriber that does not read is waited for, no longer than the deadline, and nothing is dropped.
func TestStuckSubscriber(t *testing.T) {
	p := python(t, `
s = c.socket(zmq.SUB)
s.rcvhwm = 10
s.subscribe("")
say(s.bind_to_random_port("tcp://127.0.0.1"))
s.poll() # it subscribes in here
sys.stdin.readline()
for i in range(int(sys.stdin.readline())): assert s.recv_multipart()[1][:8] == struct.pack("!Q", i), i
say("all")`)
	c := newClient(t, ClientOptions{})
	sent := untilStuck(t, func(ctx context.Context, payload []byte) error {
		return c.Publish(ctx, "tcp://127.0.0.1:"+p.port(), "host", payload)
	})
	fmt.Fprintf(p.stdin, "go\n%d\n", sent)
	if got := p.line(); got != "all" {
		t.Error(got)
	}
}
