package zmq

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pebbe/zmq4"
)

// Each pattern from a Client to a Server, 266 bytes, beside the same two sockets of libzmq with nothing around them but
// what zmq4 needs for a frame. CPU is that of both ends together.

func BenchmarkPush(b *testing.B) {
	c := newClient(b, ClientOptions{Timeout: time.Minute})
	benchmarkOneWay(b, "push", func(endpoint string, payload []byte) error {
		return c.Push(b.Context(), []string{endpoint}, payload)
	})
}

func BenchmarkPublish(b *testing.B) {
	c := newClient(b, ClientOptions{Timeout: time.Minute})
	benchmarkOneWay(b, "publish", func(endpoint string, payload []byte) error {
		return c.Publish(b.Context(), endpoint, "host", payload)
	})
}

func BenchmarkPair(b *testing.B) {
	c := newClient(b, ClientOptions{Timeout: time.Minute})
	benchmarkOneWay(b, "pair", func(endpoint string, payload []byte) error {
		_, err := c.Pair(b.Context(), endpoint, payload, nil)
		return err
	})
}

func benchmarkOneWay(b *testing.B, pattern string, send func(endpoint string, payload []byte) error) {
	r := mustBind(b, ServerOptions{Pattern: pattern})
	got := make(chan struct{}, 1024)
	mustServe(b, r, func(q Request) { q.Drop(); got <- struct{}{} })
	payload := make([]byte, 266)
	var all sync.WaitGroup
	all.Go(func() {
		for range b.N {
			<-got
		}
	})
	measure(b, func() {
		for range b.N {
			if err := send(r.Endpoints()[0], payload); err != nil {
				b.Fatal(err)
			}
		}
		all.Wait()
	})
}

func BenchmarkPairAnswered(b *testing.B) {
	r := mustBind(b, ServerOptions{Pattern: "pair"})
	mustServe(b, r, echo)
	c := newClient(b, ClientOptions{Timeout: time.Minute})
	payload := make([]byte, 266)
	measure(b, func() {
		for range b.N {
			if _, err := c.Pair(b.Context(), r.Endpoints()[0], payload, func([]byte) bool { return true }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSender(b *testing.B) {
	s := mustSender(b, "push", "tcp://127.0.0.1:0")
	r := mustBind(b, ServerOptions{Pattern: "push", Connects: s.Endpoints()})
	var all sync.WaitGroup
	all.Add(b.N)
	mustServe(b, r, func(q Request) { q.Drop(); all.Done() })
	payload := make([]byte, 266)
	measure(b, func() {
		for range b.N {
			if err := s.Send(b.Context(), "", payload); err != nil {
				b.Fatal(err)
			}
		}
		all.Wait()
	})
}

func BenchmarkRawPush(b *testing.B)    { benchmarkRaw(b, zmq4.PUSH, zmq4.PULL) }
func BenchmarkRawPublish(b *testing.B) { benchmarkRaw(b, zmq4.XPUB, zmq4.SUB) }
func BenchmarkRawPair(b *testing.B)    { benchmarkRaw(b, zmq4.PAIR, zmq4.PAIR) }

func benchmarkRaw(b *testing.B, from, to zmq4.Type) {
	zctx, err := newContext(10)
	if err != nil {
		b.Fatal(err)
	}
	sender, _ := zctx.NewSocket(from)
	receiver, _ := zctx.NewSocket(to)
	defer terminate(zctx)
	defer receiver.Close()
	defer sender.Close()
	if to == zmq4.SUB {
		receiver.SetSubscribe("host")
		sender.SetXpubNodrop(true)
	}
	receiver.Bind("tcp://127.0.0.1:*")
	endpoint, _ := receiver.GetLastEndpoint()
	sender.Connect(endpoint)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; i < b.N; {
			if frames, err := receiver.RecvMessageBytes(0); err == nil && len(frames) > 0 {
				i++
			}
		}
	}()
	if from == zmq4.XPUB {
		sender.RecvBytes(0)
	}
	payload := make([]byte, 266)
	measure(b, func() {
		for range b.N {
			for err := error(syscall.EAGAIN); err != nil; {
				if from == zmq4.XPUB {
					_, err = sender.SendMessage("host", payload)
				} else {
					_, err = sender.SendBytes(payload, 0)
				}
			}
		}
		<-ended
	})
}

// measure reports the rate, and the process' CPU for each message.
func measure(b *testing.B, run func()) {
	before := cpu()
	b.ResetTimer()
	run()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
