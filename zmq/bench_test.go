package zmq

import (
	"sync"
	"testing"
	"time"

	"github.com/pebbe/zmq4"
)

// One client that waits for each answer, 266 bytes (a small envelope without its signature).
func BenchmarkRequest(b *testing.B) {
	benchmarkRequests(b, 1)
}

// 256 goroutines that do, over one connection.
func BenchmarkRequest256(b *testing.B) {
	benchmarkRequests(b, 256)
}

func benchmarkRequests(b *testing.B, clients int) {
	r := mustBind(b, ServerOptions{})
	mustServe(b, r, echo)
	c := newClient(b, ClientOptions{Timeout: time.Minute, MaxConnections: clients})
	payload := make([]byte, 266)
	next := make(chan struct{}, clients)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range next {
				if _, err := c.Request(b.Context(), r.Endpoints()[0], payload); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		next <- struct{}{}
	}
	close(next)
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// What a module pays: a new client, one request, the end.
func BenchmarkFirstRequest(b *testing.B) {
	r := mustBind(b, ServerOptions{})
	mustServe(b, r, echo)
	for b.Loop() {
		c := NewClient(ClientOptions{})
		ask(b, c, r.Endpoints()[0], "x")
		c.Close()
	}
}

// What a module pays for a hundred asynchronous requests: a new client, all at once, the end.
func BenchmarkFirst100(b *testing.B) {
	r := mustBind(b, ServerOptions{})
	mustServe(b, r, echo)
	for b.Loop() {
		c := NewClient(ClientOptions{})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { ask(b, c, r.Endpoints()[0], "x") })
		}
		all.Wait()
		c.Close()
	}
}

// BenchmarkRouter is what one connection with a window of 256 requests gets through, answered in other goroutines.
func BenchmarkRouter(b *testing.B) {
	benchmarkRouter(b, ServerOptions{}, func(q Request) { q.Reply(q.Payload) })
}

func BenchmarkRouterTwoWorkers(b *testing.B) {
	work := make(chan Request, 1024)
	defer close(work)
	for range 2 {
		go func() {
			for q := range work {
				q.Reply(q.Payload)
			}
		}()
	}
	benchmarkRouter(b, ServerOptions{}, func(q Request) { work <- q })
}

func benchmarkRouter(b *testing.B, o ServerOptions, handle func(Request)) {
	r := mustBind(b, o)
	mustServe(b, r, handle)
	zctx, err := newContext(10)
	if err != nil {
		b.Fatal(err)
	}
	defer terminate(zctx)
	c, err := dial(b.Context(), zctx, zmq4.DEALER, r.Endpoints()[0], ClientOptions{MaxAnswer: -1}, new(stage))
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	c.socket.SetSndhwm(0)
	c.socket.SetRcvhwm(0)
	payload, id := make([]byte, 266), []byte{1, 2, 3, 4}
	for sent, received := 0, 0; received < b.N; {
		for ; sent < b.N && sent-received < 256; sent++ {
			if err := sendFrames(c.socket, id, nil, payload); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := poll(c.poller, time.Second); err != nil {
			b.Fatal(err)
		}
		for {
			if _, _, err := receiveFrames(c.socket, 3); err != nil {
				break
			}
			received++
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
