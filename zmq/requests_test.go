package zmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A request that times out leaves the connection to the others, and its answer, when it comes, is nobody's.
func TestTimeoutLeavesTheOthers(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	peers := map[string]bool{}
	var slow Request
	mustServe(t, r, func(q Request) {
		peers[string(q.route.peer)] = true
		if string(q.Payload) == "slow" {
			slow = q
			return
		}
		q.Reply(q.Payload)
	})
	c := newClient(t, ClientOptions{})
	endpoint := r.Endpoints()[0]
	ask(t, c, endpoint, "first")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	late := make(chan error)
	go func() {
		_, err := c.Request(ctx, endpoint, []byte("slow"))
		late <- err
	}()
	for ctx.Err() == nil {
		ask(t, c, endpoint, "quick")
	}
	if err := <-late; kindOf(err) != Timeout {
		t.Errorf("got %v", err)
	}
	slow.Reply([]byte("late"))
	for range 10 {
		if got := ask(t, c, endpoint, "quick"); got != "quick" {
			t.Errorf("got %q", got)
		}
	}
	if len(peers) != 1 {
		t.Errorf("%d connections", len(peers))
	}
}

// Who does the work for all gives up, and another goes on.
func TestWorkIsHandedOn(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	open := make(chan Request, 10)
	mustServe(t, r, func(q Request) { open <- q })
	c := newClient(t, ClientOptions{})
	ended := make(chan error, 10)
	for i := range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if i < 9 {
			ctx, cancel = context.WithTimeout(t.Context(), time.Duration(50+10*i)*time.Millisecond)
		}
		defer cancel()
		go func() {
			_, err := c.Request(ctx, r.Endpoints()[0], []byte("x"))
			ended <- err
		}()
	}
	for range 9 {
		if err := <-ended; kindOf(err) != Timeout {
			t.Errorf("got %v", err)
		}
	}
	for range 10 {
		(<-open).Reply([]byte("late"))
	}
	start := time.Now()
	if err := <-ended; err != nil || time.Since(start) > time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// A hundred requests find out together that nobody is there, each with the error of its own.
func TestManyToNobody(t *testing.T) {
	tests := []struct {
		name, endpoint string
		kind           ErrorKind
		limit          time.Duration
	}{
		{"refused", freePort(t), Unreachable, 400 * time.Millisecond},
		{"closes at once", raw("", false)(t), Handshake, 400 * time.Millisecond},
		{"black hole", "tcp://" + blackHole(t, "127.0.0.1:0"), Silent, 700 * time.Millisecond},
		{"says nothing", raw("", true)(t), Handshake, 700 * time.Millisecond},
	}
	for _, test := range tests {
		c := newClient(t, ClientOptions{Timeout: 500 * time.Millisecond})
		start := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := c.Request(t.Context(), test.endpoint, nil); kindOf(err) != test.kind {
					t.Errorf("%s: got %v", test.name, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > test.limit {
			t.Errorf("%s: took %v", test.name, took)
		}
	}
}

// Who connects for all is canceled; the others' error is their own.
func TestCancelIsOnesOwn(t *testing.T) {
	endpoint := raw("", true)(t)
	c := newClient(t, ClientOptions{Timeout: 300 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	kinds := make(chan ErrorKind)
	for _, ctx := range []context.Context{ctx, t.Context()} {
		go func() {
			_, err := c.Request(ctx, endpoint, nil)
			kinds <- kindOf(err)
		}()
		time.Sleep(50 * time.Millisecond) // the first one connects
	}
	cancel()
	if first, second := <-kinds, <-kinds; first != Canceled || second != Handshake {
		t.Errorf("got %s and %s", first, second)
	}
}

// proxy stands before an endpoint; cut ends the connections through it.
func proxy(t *testing.T, endpoint string) (front string, cut func()) {
	var mu sync.Mutex
	var through []net.Conn
	front = listenTCP(t, func(in net.Conn) {
		out, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "tcp://"))
		if err != nil {
			return
		}
		defer out.Close()
		mu.Lock()
		through = append(through, in, out)
		mu.Unlock()
		go func() { io.Copy(out, in); out.Close() }()
		io.Copy(in, out)
	})
	return front, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range through {
			c.Close()
		}
		through = nil
	}
}

// The connection breaks under a hundred requests: each is sent once more, and no more than that.
func TestManyAreSentAgain(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	open := make(chan Request, 1000)
	mustServe(t, r, func(q Request) {
		if string(q.Payload) == "first" {
			q.Reply(nil)
			return
		}
		open <- q
	})
	front, cut := proxy(t, r.Endpoints()[0])
	c := newClient(t, ClientOptions{})
	for _, cuts := range []int{1, 2} {
		ask(t, c, front, "first")
		ended := make(chan error, 100)
		for i := range 100 {
			go func() {
				_, err := c.Request(t.Context(), front, []byte(fmt.Sprint(i)))
				ended <- err
			}()
		}
		for range cuts {
			for range 100 {
				(<-open).Drop()
			}
			cut()
		}
		if cuts == 1 {
			for range 100 {
				(<-open).Reply(nil)
			}
		}
		for range 100 {
			err := <-ended
			if cuts == 1 && err != nil || cuts == 2 && kindOf(err) != Disconnected {
				t.Errorf("cut %d times: %v", cuts, err)
			}
		}
		if len(open) != 0 {
			t.Errorf("cut %d times: %d requests too many", cuts, len(open))
		}
	}
}

// A listener that is gone without a word is not asked for ever over the same connection.
func TestDeadConnectionIsReplaced(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, echo)
	var once sync.Once
	front := listenTCP(t, func(in net.Conn) {
		out, err := net.Dial("tcp", strings.TrimPrefix(r.Endpoints()[0], "tcp://"))
		if err != nil {
			return
		}
		defer out.Close()
		go io.Copy(out, in)
		dead := false
		once.Do(func() { dead = true })
		if dead { // the first answer comes, no further one
			io.CopyN(in, out, 64+28+40)
			<-t.Context().Done()
			return
		}
		io.Copy(in, out)
	})
	c := newClient(t, ClientOptions{Timeout: 200 * time.Millisecond})
	var err error
	for range 20 {
		if _, err = c.Request(t.Context(), front, []byte("x")); err != nil {
			break
		}
	}
	if kindOf(err) != Timeout && kindOf(err) != Handshake || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	ask(t, c, front, "over a new connection")
}
