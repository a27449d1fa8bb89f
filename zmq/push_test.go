package zmq

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// puller is a plain PULL that binds and says what it receives.
const puller = `
s = c.socket(zmq.PULL)
s.setsockopt(zmq.IPV6, 1)
s.bind(a[0])
say(s.last_endpoint.rstrip(b"\0").decode())
while True: say(s.recv_multipart()[0].decode())`

// port is the one the child says first; it is remembered.
func (p *child) port() string {
	if p.said == "" {
		p.said = p.line()
	}
	return p.said
}

func push(t testing.TB, c *Client, payload string, endpoints ...string) {
	t.Helper()
	if err := c.Push(t.Context(), endpoints, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// untilStuck sends numbered messages until the peer takes no more, and gives how many it took. The first connects, and
// may take its time.
func untilStuck(t *testing.T, send func(context.Context, []byte) error) int {
	t.Helper()
	payload := make([]byte, 20_000)
	limit := ample
	for sent := range 10_000 {
		binary.BigEndian.PutUint64(payload, uint64(sent))
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := send(ctx, payload)
		cancel()
		if kindOf(err) == Stuck && sent > 0 {
			return sent
		} else if err != nil {
			t.Fatal(err)
		}
		limit = 300 * time.Millisecond
	}
	t.Fatal("10000 messages are taken from a peer that does not read")
	return 0
}

func TestPushToOthers(t *testing.T) {
	for _, bind := range []string{"tcp://127.0.0.1:*", "tcp://[::1]:*", "ipc://" + t.TempDir() + "/s"} {
		p := python(t, puller, bind)
		endpoint := p.line()
		c := newClient(t, ClientOptions{})
		for i := range 10 {
			push(t, c, fmt.Sprint(i), endpoint)
			if got := p.line(); got != fmt.Sprint(i) {
				t.Errorf("%s: got %q", bind, got)
			}
		}
	}
}

func TestPushIsShared(t *testing.T) {
	one, two := python(t, puller, "tcp://127.0.0.1:*"), python(t, puller, "tcp://127.0.0.1:*")
	endpoints := []string{one.line(), two.line()}
	lines := heard(one, two)
	inTime(t, time.Second, func(time.Duration) error { // the first one waits but a little for the other's connection
		c := newClient(t, ClientOptions{})
		for i := range 100 {
			push(t, c, fmt.Sprint(i), endpoints...)
		}
		count := map[*child]int{}
		for range 100 {
			count[<-lines]++
		}
		if count[one] != 50 {
			return fmt.Errorf("one of two got %d of 100", count[one])
		}
		return nil
	})
}

// One of two is dead, in every way there is: the other gets everything, and soon.
func TestPushToTheLiving(t *testing.T) {
	for name, dead := range map[string]string{
		"refused": freePort(t), "says nothing": raw("", true)(t), "black hole": "tcp://" + blackHole(t, "127.0.0.1:0"), "unknown": "tcp://hub.invalid:1",
	} {
		p := python(t, puller, "tcp://127.0.0.1:*")
		alive := p.line()
		c := newClient(t, ClientOptions{})
		inTime(t, 600*time.Millisecond, func(limit time.Duration) error {
			count := int(limit / (6 * time.Millisecond)) // more in more time: a wait for each would be seen
			start := time.Now()
			for i := range count {
				push(t, c, fmt.Sprint(i), dead, alive)
			}
			took := time.Since(start)
			for i := range count {
				if got := p.line(); got != fmt.Sprint(i) {
					t.Fatalf("%s: got %q, want %d", name, got, i)
				}
			}
			if took > limit {
				return fmt.Errorf("%s: %d took %v", name, count, took)
			}
			return nil
		})
	}
}

// The peer comes while Push waits for it; and it is killed and comes again.
func TestPushWaitsForAPeer(t *testing.T) {
	endpoint := freePort(t)
	c := newClient(t, ClientOptions{})
	to, _ := ParseEndpoint(endpoint)
	for range 2 {
		pushed := make(chan error)
		go func() { pushed <- c.Push(t.Context(), []string{endpoint}, []byte("hello")) }()
		time.Sleep(100 * time.Millisecond)
		p := python(t, puller, endpoint)
		p.line()
		if err := <-pushed; err != nil {
			t.Fatal(err)
		}
		if got := p.line(); got != "hello" {
			t.Errorf("got %q", got)
		}
		p.cmd.Process.Kill()
		p.cmd.Wait()
		untilConnection(t, &c.pushersTo([]Endpoint{to})[0].link, func(c *connection) bool { return c.lost() != nil })
	}
}

func TestPushFailures(t *testing.T) {
	tests := []struct {
		name     string
		endpoint string
		kind     ErrorKind
	}{
		{"refused", freePort(t), Unreachable},
		{"unknown name, and refused", "tcp://hub.invalid:5311", Unreachable},
		{"black hole", "tcp://" + blackHole(t, "127.0.0.1:0"), Silent},
		{"says nothing", raw("", true)(t), Handshake},
		{"closes at once", raw("", false)(t), Handshake},
		{"another socket type", wrongType(t), Handshake},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			endpoints := []string{test.endpoint, freePort(t)}
			var err error
			inTime(t, 400*time.Millisecond, func(limit time.Duration) error {
				c := newClient(t, ClientOptions{Timeout: limit})
				start := time.Now()
				err = c.Push(t.Context(), endpoints, []byte("x"))
				if took := time.Since(start); took < limit/2 || took > limit*3/2 {
					return fmt.Errorf("took %v of %v", took, limit)
				}
				if kindOf(err) != test.kind {
					return fmt.Errorf("got %v, want the kind %s", err, test.kind)
				}
				return nil
			})
			for _, e := range endpoints {
				if !strings.Contains(err.Error(), e+" ") {
					t.Errorf("the error does not tell of %s: %v", e, err)
				}
			}
		})
	}
	if err := newClient(t, ClientOptions{}).Push(t.Context(), nil, nil); kindOf(err) != BadEndpoint {
		t.Errorf("no endpoint: %v", err)
	}
}

// A puller that does not read is waited for, no longer than the deadline; what was taken arrives.
func TestStuckPuller(t *testing.T) {
	p := python(t, `
s = c.socket(zmq.PULL)
s.rcvhwm = 10
say(s.bind_to_random_port("tcp://127.0.0.1"))
sys.stdin.readline()
for i in range(int(sys.stdin.readline())): assert s.recv()[:8] == struct.pack("!Q", i), i
say("all")`)
	c := newClient(t, ClientOptions{})
	sent := untilStuck(t, func(ctx context.Context, payload []byte) error {
		return c.Push(ctx, []string{"tcp://127.0.0.1:" + p.port()}, payload)
	})
	fmt.Fprintf(p.stdin, "go\n%d\n", sent)
	if got := p.line(); got != "all" {
		t.Error(got)
	}
}

// Close waits for a peer that does not read as long as it was told, and says what was not handed over; where all is, it
// is quick.
func TestCloseHandsOver(t *testing.T) {
	inTime(t, 300*time.Millisecond, func(limit time.Duration) error { return closeHandsOver(t, limit) })
}

func closeHandsOver(t *testing.T, limit time.Duration) error {
	const counter = `
s = c.socket(zmq.PULL)
s.bind("tcp://127.0.0.1:*")
say(s.last_endpoint.rstrip(b"\0").decode())
for i in range(101): s.recv()
say("all")`
	stuck, well := python(t, counter), python(t, counter)
	stuckEnd, wellEnd := stuck.line(), well.line()
	c := NewClient(ClientOptions{Timeout: ample})
	push(t, c, "one", stuckEnd)
	push(t, c, "one", wellEnd)
	stuck.stop()
	for range 100 {
		push(t, c, strings.Repeat("x", 100_000), stuckEnd)
		push(t, c, strings.Repeat("x", 100_000), wellEnd)
	}
	start := time.Now()
	err := c.CloseWithin(limit)
	if took := time.Since(start); took < limit || took > limit*7/3 {
		return fmt.Errorf("Close took %v of %v", took, limit)
	}
	if err == nil || !strings.Contains(err.Error(), stuckEnd) || strings.Contains(err.Error(), wellEnd) {
		return fmt.Errorf("got %v", err)
	}
	if got := well.line(); got != "all" {
		t.Error(got)
	}
	return nil
}

// A process that pushes, or publishes, closes and exits has lost nothing (trap 10).
func TestExitAfterSending(t *testing.T) {
	if endpoints := os.Getenv("ZMQ_TEST_EXIT"); endpoints != "" {
		to := strings.Fields(endpoints)
		c := NewClient(ClientOptions{Timeout: ample, Linger: ample})
		for i := range 1000 {
			push(t, c, fmt.Sprint(i), to[0])
			publish(t, c, to[1], "t", fmt.Sprint(i))
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		os.Exit(0)
	}
	pull, sub := python(t, puller, "tcp://127.0.0.1:*"), python(t, subscriber, "tcp://127.0.0.1:*", "t")
	child := exec.Command(os.Args[0], "-test.run=^TestExitAfterSending$")
	child.Env = append(os.Environ(), "ZMQ_TEST_EXIT="+pull.line()+" "+sub.line())
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i := range 1000 {
		if got := pull.line() + sub.line(); got != fmt.Sprint(i, "t ", i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
}

func TestPushFromEverywhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := python(t, puller, "tcp://127.0.0.1:*")
	c := newClient(t, ClientOptions{})
	endpoint := p.line()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if err := c.Push(t.Context(), []string{endpoint}, []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 1000 {
		p.line()
	}
	all.Wait()
	if err := errors.Join(c.Close()); err != nil {
		t.Error(err)
	}
}
