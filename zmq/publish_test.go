package zmq

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"
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
		c := NewClient(ClientOptions{})
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
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	failed := make(chan error)
	go func() { failed <- c.Publish(ctx, endpoint, "alert", nil) }()
	for range 5 {
		publish(t, c, endpoint, "host", "others go on meanwhile")
		p.line()
	}
	err := <-failed
	told := regexp.MustCompile(`nobody subscribes to "alert" within \d+ms:`)
	if kindOf(err) != NoSubscriber || !told.MatchString(err.Error()) {
		t.Errorf("got %v", err)
	}
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
		time.Sleep(20 * time.Millisecond) // the way of the unsubscription to the publisher
	}
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
	c := newClient(t, ClientOptions{Timeout: 300 * time.Millisecond})
	sent := untilStuck(t, func(payload []byte) error {
		return c.Publish(t.Context(), "tcp://127.0.0.1:"+p.port(), "host", payload)
	})
	fmt.Fprintf(p.stdin, "go\n%d\n", sent)
	if got := p.line(); got != "all" {
		t.Error(got)
	}
}
