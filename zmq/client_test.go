package zmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestClientCostsNothingBeforeItsFirstRequest(t *testing.T) {
	c := newClient(t, ClientOptions{})
	refused(t, c, "tcp://nobody", BadEndpoint, time.Second)
	if c.zctx != nil {
		t.Error("libzmq was touched without need")
	}
}

// One connection serves all requests, and a lost one is replaced unseen.
func TestClientKeepsItsConnection(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]bool{}
	handle := func(q Request) {
		mu.Lock()
		connections[string(q.route.peer)] = true
		mu.Unlock()
		q.Reply(q.Payload)
	}
	r := mustBind(t, ServerOptions{})
	stop := mustServe(t, r, handle)
	endpoint := r.Endpoints()[0]
	c := newClient(t, ClientOptions{})
	for i := range 10 {
		if want := fmt.Sprint(i); ask(t, c, endpoint, want) != want {
			t.Errorf("wrong answer to %s", want)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections for ten requests", len(connections))
	}
	stop()
	gone(t, c, endpoint)
	mustServe(t, mustBind(t, ServerOptions{Binds: []string{endpoint}}), handle)
	ask(t, c, endpoint, "after the restart")
}

// The listener was restarted between two requests, and the client learns it only while it sends.
func TestRestartBetweenRequests(t *testing.T) {
	c := newClient(t, ClientOptions{})
	endpoint := "ipc://" + t.TempDir() + "/s"
	for i := range 5 {
		stop := mustServe(t, mustBind(t, ServerOptions{Binds: []string{endpoint}}), echo)
		ask(t, c, endpoint, fmt.Sprint(i))
		stop()
	}
}

// However many requests are under way, they share one connection, and each gets its own answer.
func TestManyRequestsAtOnce(t *testing.T) {
	var connections sync.Map
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, func(q Request) {
		connections.Store(string(q.route.peer), true)
		go q.Reply(q.Payload)
	})
	c := newClient(t, ClientOptions{})
	var all sync.WaitGroup
	for g := range 100 {
		all.Go(func() {
			for i := range 10 {
				want := fmt.Sprint(g, i)
				got, err := c.Request(t.Context(), r.Endpoints()[0], []byte(want))
				if err != nil || string(got) != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	all.Wait()
	count := 0
	connections.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d connections", count)
	}
}

// libzmq gives room for more messages back late, and in halves: a client that is faster than that waits unseen.
func TestFastRequests(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, echo)
	c := newClient(t, ClientOptions{})
	for range 2000 {
		ask(t, c, r.Endpoints()[0], "x")
	}
}

// Each address of a name has its share of the time; what went wrong with each is told.
func TestEachAddressIsTried(t *testing.T) {
	r := mustBind(t, ServerOptions{Binds: []string{freePort(t)}})
	mustServe(t, r, echo)
	e, _ := ParseEndpoint(r.Endpoints()[0])
	name := fmt.Sprintf("tcp://hub:%d", e.Port)
	c := newClient(t, ClientOptions{})
	c.lookup = addresses("127.0.0.2", "127.0.0.1")
	ask(t, c, name, "the second address answers")

	c = newClient(t, ClientOptions{})
	c.lookup = addresses("127.0.0.2", "::1")
	err := refused(t, c, name, Unreachable, time.Second)
	for _, want := range []string{"127.0.0.2:", "[::1]:", "connection refused"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not tell of %s: %v", want, err)
		}
	}
}

func TestSilentFirstAddress(t *testing.T) {
	r := mustBind(t, ServerOptions{Binds: []string{freePort(t)}})
	mustServe(t, r, echo)
	e, _ := ParseEndpoint(r.Endpoints()[0])
	blackHole(t, fmt.Sprintf("127.0.0.2:%d", e.Port))
	inTime(t, time.Second, func(limit time.Duration) error {
		c := newClient(t, ClientOptions{Timeout: limit})
		c.lookup = addresses("127.0.0.2", "127.0.0.1")
		_, err := c.Request(t.Context(), fmt.Sprintf("tcp://hub:%d", e.Port), []byte("the second address answers"))
		return err
	})
}

func addresses(texts ...string) resolver {
	return func(context.Context, string, string) (as []netip.Addr, err error) {
		for _, t := range texts {
			as = append(as, netip.MustParseAddr(t))
		}
		return as, nil
	}
}

func TestNamesAndIPv6(t *testing.T) {
	c := newClient(t, ClientOptions{})
	for _, bind := range []string{"tcp://localhost:0", "tcp://[::1]:0", "tcp://*:0"} {
		r := mustBind(t, ServerOptions{Binds: []string{bind}})
		mustServe(t, r, echo)
		for _, bound := range r.Endpoints() {
			e, err := ParseEndpoint(bound)
			if err != nil {
				t.Fatal(err)
			}
			if bind == "tcp://*:0" {
				e.Host = "localhost"
			}
			ask(t, c, e.String(), "hello")
		}
	}
}

func TestCloseEndsRequests(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	asked := make(chan Request, 1)
	mustServe(t, r, func(q Request) { asked <- q })
	c := NewClient(ClientOptions{Timeout: ample})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Request(context.Background(), r.Endpoints()[0], []byte("x"))
		failed <- err
	}()
	(<-asked).Drop()
	start := time.Now()
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(start); took > ample/2 {
		t.Errorf("Close took %v", took)
	}
	if err := <-failed; kindOf(err) != Closed {
		t.Errorf("the request under way ended with %v", err)
	}
	refused(t, c, r.Endpoints()[0], Closed, time.Second)
}

func TestCancelEndsRequest(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	came := make(chan bool)
	mustServe(t, r, func(q Request) { q.Drop(); came <- true })
	inTime(t, 500*time.Millisecond, func(limit time.Duration) error {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := newClient(t, ClientOptions{}).Request(ctx, r.Endpoints()[0], []byte("x"))
			failed <- err
		}()
		<-came
		start := time.Now()
		cancel()
		if err := <-failed; kindOf(err) != Canceled || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > limit {
			return fmt.Errorf("took %v", took)
		}
		return nil
	})
}

// A turn among too many requests is waited for no longer than the deadline.
func TestWaitingForATurnIsBounded(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	asked := make(chan Request, 1)
	mustServe(t, r, func(q Request) { asked <- q })
	c := newClient(t, ClientOptions{MaxConnections: 1})
	first := make(chan error, 1)
	go func() {
		_, err := c.Request(context.Background(), r.Endpoints()[0], []byte("x"))
		first <- err
	}()
	q := <-asked
	refused(t, c, r.Endpoints()[0], Timeout, 100*time.Millisecond)
	q.Reply(nil)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// A silent resolver must not hold up anything (trap 3).
func TestSilentResolver(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := newClient(t, ClientOptions{Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
		},
	}})
	refused(t, c, "tcp://hub.example.com:5309", Unresolvable, 300*time.Millisecond)
}
