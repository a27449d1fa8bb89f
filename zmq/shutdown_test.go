package zmq

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// Told to end with a hundred requests open, the Router answers them all.
func TestGracefulStop(t *testing.T) {
	r := mustBind(t, ServerOptions{Drain: ample})
	open := make(chan Request, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, func(q Request) { open <- q }) }()
	c := newClient(t, ClientOptions{})
	answered := make(chan error, 100)
	for range 100 {
		go func() {
			_, err := c.Request(t.Context(), r.Endpoints()[0], []byte("x"))
			answered <- err
		}()
	}
	var held []Request
	for range 100 {
		held = append(held, <-open)
	}
	cancel()
	for i, q := range held {
		if i == 50 {
			time.Sleep(2 * slice) // the Router has long noticed
		}
		q.Reply(q.Payload)
	}
	for range 100 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A handler that never answers holds up the end no longer than the limit.
func TestStopIsBounded(t *testing.T) {
	inTime(t, 200*time.Millisecond, func(limit time.Duration) error {
		r := mustBind(t, ServerOptions{Drain: limit})
		open := make(chan Request, 1)
		stop := mustServe(t, r, func(q Request) { open <- q })
		dialRaw(t, r.Endpoints()[0]).handshake().Write(message("", "hello"))
		<-open
		start := time.Now()
		stop()
		if took := time.Since(start); took < limit || took > limit*3/2+lastWords {
			return fmt.Errorf("the end took %v, and %v were to be waited", took, limit)
		}
		return nil
	})
}

// A peer that does not read holds up the end for lastWords at most.
func TestStopDoesNotWaitForReaders(t *testing.T) {
	inTime(t, lastWords, func(limit time.Duration) error {
		if took := stopWithoutReader(t); took > lastWords+limit {
			return fmt.Errorf("the end took %v", took)
		}
		return nil
	})
}

func stopWithoutReader(t *testing.T) time.Duration {
	r := mustBind(t, ServerOptions{})
	done := make(chan struct{}, 1000)
	stop := mustServe(t, r, func(q Request) {
		q.Reply(make([]byte, 100_000))
		done <- struct{}{}
	})
	p := dialRaw(t, r.Endpoints()[0]).handshake()
	for range 200 {
		p.Write(message("", "hello"))
	}
	for range 200 {
		<-done
	}
	start := time.Now()
	stop()
	return time.Since(start)
}

// Nothing is left of clients and Routers, whatever befell them.
func TestNoLeaks(t *testing.T) {
	nobody := freePort(t)
	round := func() {
		r := mustBind(t, ServerOptions{})
		stop := mustServe(t, r, echo)
		c := NewClient(ClientOptions{Timeout: ample, Linger: ample})
		for range 20 {
			ask(t, c, r.Endpoints()[0], "x")
		}
		leakOthers(t, c)
		refused(t, c, nobody, Unreachable, time.Second)
		refused(t, c, "ipc:///nonexistent/s", Unreachable, time.Second)
		stop()
		gone(t, c, r.Endpoints()[0])
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	round()
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	for range 10 {
		round()
	}
	end := time.Now().Add(ample)
	for (openFiles(t) > files || runtime.NumGoroutine() > goroutines) && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond) // sockets of the kernel and goroutines take a moment to go
	}
	if f, g := openFiles(t), runtime.NumGoroutine(); f > files || g > goroutines {
		t.Errorf("%d files became %d, %d goroutines %d", files, f, goroutines, g)
	}
}

// leakOthers has a short life in the other patterns, with good peers and with none.
func leakOthers(t *testing.T, c *Client) {
	for _, pattern := range []string{"publish", "push", "pair"} {
		o := ServerOptions{Pattern: pattern, Binds: []string{"tcp://127.0.0.1:0"}}
		if pattern != "pair" {
			o.Connects = []string{"tcp://127.0.0.1:1", "tcp://hub.invalid:1"}
		}
		r := mustBind(t, o)
		stop := mustServe(t, r, echo)
		for _, endpoint := range []string{r.Endpoints()[0], "ipc:///nonexistent/s"} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			switch pattern {
			case "publish":
				_ = c.Publish(ctx, endpoint, "host", nil)
			case "push":
				_ = c.Push(ctx, []string{endpoint}, nil)
			case "pair":
				_, _ = c.Pair(ctx, endpoint, nil, is0(""))
			}
			cancel()
		}
		stop()
	}
	s := mustSender(t, "push", "tcp://127.0.0.1:0")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}
