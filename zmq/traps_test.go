package zmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The traps of facts/zeromq.md section 0 that other tests do not hold already. (1, the peer's address: TestOthersAsk and
// TestSeveralEndpoints. 3, names: TestSilentResolver. 10 and 12: TestStoppedProgram, TestOthersAnswer.)

// A frame announcing more than is allowed cuts its sender off at once, the others go on.
func TestOversizeFrame(t *testing.T) {
	r := mustBind(t, ServerOptions{MaxMessage: 100_000})
	mustServe(t, r, func(q Request) { q.Reply([]byte(fmt.Sprint(len(q.Payload)))) })
	c := newClient(t, ClientOptions{})
	for _, size := range []uint64{100_001, 1 << 40, 1 << 62} {
		p := dialRaw(t, r.Endpoints()[0]).handshake()
		p.Write(longFrame(size))
		if !p.cut() {
			t.Errorf("a frame of %d bytes did not end the connection", size)
		}
		ask(t, c, r.Endpoints()[0], "others go on")
	}
	if got := ask(t, c, r.Endpoints()[0], strings.Repeat("x", 100_000)); got != "100000" {
		t.Errorf("the largest message that is allowed came as %s bytes", got)
	}
	_, err := c.Request(t.Context(), r.Endpoints()[0], make([]byte, 100_001))
	if kindOf(err) != Disconnected {
		t.Errorf("a larger one ended with %v", err)
	}
}

// Before the handshake too, and who does not begin one keeps nobody waiting.
func TestRubbishBeforeHandshake(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, echo)
	for _, rubbish := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f", strings.Repeat("\xff", 1000)} {
		dialRaw(t, r.Endpoints()[0]).Write([]byte(rubbish))
	}
	ask(t, newClient(t, ClientOptions{}), r.Endpoints()[0], "hello")
}

// Trap 4: a monitor that nobody reads stops libzmq's thread. Connections come and go in great number and all of them,
// and the client's end, are quick.
func TestMonitorsNeverBlock(t *testing.T) {
	closing := listenTCP(t, func(net.Conn) {})
	c := NewClient(ClientOptions{Timeout: ample})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				refused(t, c, closing, Handshake, time.Second)
			}
		})
	}
	all.Wait()
	if err := c.Close(); err != nil { // after lastWait at the latest
		t.Error(err)
	}
}

// Signals to the waiting thread must not stretch its deadline (section 2, EINTR).
func TestSignalsDoNotStretchDeadlines(t *testing.T) {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	endpoint := drops(t)
	thread, done := make(chan int), make(chan struct{})
	go func() {
		id := <-thread
		for {
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond):
				unix.Tgkill(os.Getpid(), id, syscall.SIGUSR1)
			}
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread <- unix.Gettid()
	refused(t, newClient(t, ClientOptions{}), endpoint, Timeout, 300*time.Millisecond)
	close(done)
	if len(signals) == 0 {
		t.Error("no signal came")
	}
}

// A wait below a millisecond is none for libzmq, and a loop around it would burn a core (section 2, time).
func TestShortWaitsAreWaits(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	start := time.Now()
	if _, err := poll(r.poller, 900*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 900*time.Microsecond {
		t.Errorf("waited %v", took)
	}
}

// Trap 8: without file descriptors left a request fails as an ordinary error. In a process of its own.
func TestNoFilesLeft(t *testing.T) {
	if os.Getenv("ZMQ_TEST_NO_FILES") == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestNoFilesLeft$")
		child.Env = append(os.Environ(), "ZMQ_TEST_NO_FILES=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, echo)
	c := newClient(t, ClientOptions{})
	ask(t, c, r.Endpoints()[0], "this connection is kept")
	var limit syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(openFiles(t)), Max: limit.Max})
	for range 20 {
		refused(t, c, "tcp://127.0.0.1:1", Failed, time.Second)
	}
	ask(t, c, r.Endpoints()[0], "and still good")
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	refused(t, c, "tcp://127.0.0.1:1", Unreachable, time.Second)
}

// Answers from many goroutines at once, while the socket is polled, read and closed (trap 9).
func TestRepliesFromEverywhere(t *testing.T) {
	r := mustBind(t, ServerOptions{Drain: 20 * time.Millisecond})
	stop := mustServe(t, r, func(q Request) {
		for range 3 {
			go q.Reply(q.Payload)
		}
	})
	c := newClient(t, ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for ctx.Err() == nil {
				_, err := c.Request(ctx, r.Endpoints()[0], []byte("x"))
				if err != nil && !errors.Is(err, context.Canceled) && kindOf(err) != Disconnected && kindOf(err) != Unreachable && kindOf(err) != Handshake {
					t.Error(err)
				}
				if err != nil {
					return
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	cancel()
	all.Wait()
}
