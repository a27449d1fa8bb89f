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
	slow := make(chan Request, 100)
	mustServe(t, r, func(q Request) {
		peers[string(q.route.peer)] = true
		if string(q.Payload) == "slow" {
			slow <- q
			return
		}
		q.Reply(q.Payload)
	})
	c := newClient(t, ClientOptions{})
	endpoint := r.Endpoints()[0]
	ask(t, c, endpoint, "first")
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		late := make(chan error)
		go func() {
			_, err := c.Request(ctx, endpoint, []byte("slow"))
			late <- err
		}()
		for ctx.Err() == nil {
			ask(t, c, endpoint, "quick")
		}
		if err := <-late; kindOf(err) != Timeout || len(slow) == 0 {
			return fmt.Errorf("got %v, and %d of them came", err, len(slow))
		}
		return nil
	})
	for len(slow) > 0 {
		(<-slow).Reply([]byte("late"))
	}
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
	inTime(t, 50*time.Millisecond, func(limit time.Duration) error {
		c := newClient(t, ClientOptions{})
		ended := make(chan error, 10)
		for i := range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), ample)
			if i < 9 {
				ctx, cancel = context.WithTimeout(t.Context(), limit+time.Duration(i)*limit/5)
			}
			defer cancel()
			go func() {
				_, err := c.Request(ctx, r.Endpoints()[0], []byte("x"))
				ended <- err
			}()
		}
		var wrong error
		for range 9 {
			if err := <-ended; kindOf(err) != Timeout {
				wrong = fmt.Errorf("got %v", err)
			}
		}
		start := time.Now()
		for last := false; !last; { // of those that came in time, and the one that has more of it
			select {
			case q := <-open:
				q.Reply([]byte("late"))
			case err := <-ended:
				if last = true; err != nil || time.Since(start) > ample/2 {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			}
		}
		return wrong
	})
}

// A hundred requests find out together that nobody is there, each with the error of its own.
func TestManyToNobody(t *testing.T) {
	tests := []struct {
		name, endpoint string
		kind           ErrorKind
		share          float64 // of the time there is
	}{
		{"refused", freePort(t), Unreachable, 0.8},
		{"closes at once", raw("", false)(t), Handshake, 0.8},
		{"black hole", "tcp://" + blackHole(t, "127.0.0.1:0"), Silent, 1.4},
		{"says nothing", raw("", true)(t), Handshake, 1.4},
	}
	for _, test := range tests {
		inTime(t, 500*time.Millisecond, func(limit time.Duration) error {
			c := newClient(t, ClientOptions{Timeout: limit})
			start := time.Now()
			failed := make(chan error, 100)
			for range 100 {
				go func() {
					_, err := c.Request(t.Context(), test.endpoint, nil)
					failed <- err
				}()
			}
			var wrong error
			for range 100 {
				if err := <-failed; kindOf(err) != test.kind {
					wrong = fmt.Errorf("%s: got %v", test.name, err)
				}
			}
			if took := time.Since(start); wrong == nil && took.Seconds() > test.share*limit.Seconds() {
				wrong = fmt.Errorf("%s: took %v of %v", test.name, took, limit)
			}
			return wrong
		})
	}
}

// Who connects for all is canceled; the others' error is their own.
func TestCancelIsOnesOwn(t *testing.T) {
	connected := make(chan bool, 100)
	endpoint := listenTCP(t, func(c net.Conn) {
		connected <- true
		io.Copy(io.Discard, c)
	})
	inTime(t, 300*time.Millisecond, func(limit time.Duration) error {
		c := newClient(t, ClientOptions{Timeout: limit})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		kinds := make(chan ErrorKind, 2)
		request := func(ctx context.Context) {
			_, err := c.Request(ctx, endpoint, nil)
			kinds <- kindOf(err)
		}
		go request(ctx)
		<-connected
		go request(t.Context())
		time.Sleep(limit / 6) // it waits for the first one, mostly
		cancel()
		if first, second := <-kinds, <-kinds; first != Canceled || second != Handshake {
			return fmt.Errorf("got %s and %s", first, second)
		}
		return nil
	})
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
	var c *Client
	var endpoint string
	inTime(t, 200*time.Millisecond, func(limit time.Duration) (err error) {
		c, endpoint = newClient(t, ClientOptions{}), deadOnce(t, r.Endpoints()[0])
		ask(t, c, endpoint, "x")
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			_, err = c.Request(ctx, endpoint, []byte("x"))
			cancel()
			if err != nil {
				break
			}
		}
		if kindOf(err) != Timeout && kindOf(err) != Handshake || !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
	ask(t, c, endpoint, "over a new connection")
}

// deadOnce stands before an endpoint. Of its first connection the first answer comes, and no further one.
func deadOnce(t *testing.T, endpoint string) (front string) {
	var once sync.Once
	return listenTCP(t, func(in net.Conn) {
		out, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "tcp://"))
		if err != nil {
			return
		}
		defer out.Close()
		go io.Copy(out, in)
		dead := false
		once.Do(func() { dead = true })
		if dead {
			io.CopyN(in, out, 64+28+40)
			<-t.Context().Done()
			return
		}
		io.Copy(in, out)
	})
}
