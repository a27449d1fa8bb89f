package zmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pebbe/zmq4"
	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/test/ports"
)

// What stands at the other end, what is said about it, and how long that takes (facts/zeromq.md 4.2).
func TestFailures(t *testing.T) {
	tests := []struct {
		name     string
		endpoint func(t *testing.T) string
		kind     ErrorKind
		atOnce   bool
		text     string
	}{
		{"refused", freePort, Unreachable, true, "connection refused"},
		{"no ipc path", fixed("ipc:///nonexistent/s"), Unreachable, true, "no such file"},
		{"stale ipc path", stalePath, Unreachable, true, "connection refused"},
		{"unknown name", fixed("tcp://hub.invalid:5309"), Unresolvable, true, "hub.invalid"},
		{"black hole", func(t *testing.T) string { return "tcp://" + blackHole(t, "127.0.0.1:0") }, Silent, false, "within"},
		{"says nothing", raw("", true), Handshake, false, "no ZeroMQ handshake within"},
		{"closes at once", raw("", false), Handshake, true, "during the ZeroMQ handshake"},
		{"SSH", raw("SSH-2.0-OpenSSH_9.2\r\n", false), Handshake, true, "ZeroMQ"},
		{"SSH that stays", raw("SSH-2.0-OpenSSH_9.2\r\n", true), Handshake, false, "ZeroMQ"},
		{"HTTP", raw("HTTP/1.1 400 Bad Request\r\n\r\n", false), Handshake, true, "ZeroMQ"},
		{"another socket type", wrongType, Handshake, true, "takes requests"},
		{"CURVE", curve, Handshake, true, ""},
		{"never answers", drops, Timeout, false, "no answer within"},
		{"answers too much", answers2000, Disconnected, true, "larger than allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			endpoint := test.endpoint(t)
			c := newClient(t, ClientOptions{MaxAnswer: 1000})
			var err *Error
			inTime(t, 800*time.Millisecond, func(limit time.Duration) (wrong error) {
				var took time.Duration
				err, took, wrong = refusal(t, c, endpoint, test.kind, limit)
				if wrong == nil && test.atOnce && took > limit/2 {
					wrong = fmt.Errorf("took %v of %v", took, limit)
				}
				return wrong
			})
			if late := errors.Is(err, context.DeadlineExceeded); late == test.atOnce {
				t.Errorf("deadline exceeded: %v", late)
			}
			if !strings.Contains(err.Error(), endpoint) || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error does not say %q in one line: %v", test.text, err)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	c := newClient(t, ClientOptions{MaxMessage: 7})
	refused(t, c, "tcp://127.0.0.1:1", TooLarge, time.Second)
}

func TestNoDeadlineIsBounded(t *testing.T) {
	endpoint := drops(t)
	inTime(t, 100*time.Millisecond, func(limit time.Duration) error {
		c := newClient(t, ClientOptions{Timeout: limit})
		start := time.Now()
		_, err := c.Request(context.Background(), endpoint, []byte("x"))
		if took := time.Since(start); kindOf(err) != Timeout || took > 10*limit {
			return fmt.Errorf("%v after %v", err, took)
		}
		return nil
	})
}

func fixed(endpoint string) func(*testing.T) string {
	return func(*testing.T) string { return endpoint }
}

// freePort is one where nobody listens.
func freePort(t *testing.T) string {
	return "tcp://127.0.0.1:" + ports.Free(t)
}

// stalePath is what a killed listener leaves.
func stalePath(t *testing.T) string {
	path := t.TempDir() + "/s"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return "ipc://" + path
}

// blackHole listens with a backlog that is full: who connects hears nothing.
func blackHole(t *testing.T, address string) string {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	err = errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}), syscall.Listen(fd, 0))
	if err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	a.Port = bound.(*syscall.SockaddrInet4).Port
	for range 10 {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Unacked > info.Sacked { // of a socket that listens: those in the backlog, and its length
			return a.String()
		}
		if c, err := net.DialTimeout("tcp", a.String(), time.Second); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	t.Skip("the backlog does not fill here")
	return ""
}

func raw(banner string, stay bool) func(*testing.T) string {
	return func(t *testing.T) string {
		return listenTCP(t, func(c net.Conn) {
			io.WriteString(c, banner)
			if stay {
				io.Copy(io.Discard, c)
			}
		})
	}
}

// plain binds a ZeroMQ socket that does nothing.
func plain(t *testing.T, kind zmq4.Type, prepare func(*zmq4.Socket) error) string {
	zctx, err := newContext(10)
	if err != nil {
		t.Fatal(err)
	}
	s, err := zctx.NewSocket(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); terminate(zctx) })
	if err := errors.Join(prepare(s), s.Bind("tcp://127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	endpoint, _ := s.GetLastEndpoint()
	return endpoint
}

func wrongType(t *testing.T) string {
	return plain(t, zmq4.PUB, func(*zmq4.Socket) error { return nil })
}

func curve(t *testing.T) string {
	if !zmq4.HasCurve() {
		t.Skip("libzmq without CURVE")
	}
	_, secret, err := zmq4.NewCurveKeypair()
	if err != nil {
		t.Fatal(err)
	}
	return plain(t, zmq4.ROUTER, func(s *zmq4.Socket) error {
		return errors.Join(s.SetCurveServer(1), s.SetCurveSecretkey(secret))
	})
}

func drops(t *testing.T) string {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, Request.Drop)
	return r.Endpoints()[0]
}

func answers2000(t *testing.T) string {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, func(q Request) { q.Reply(make([]byte, 2000)) })
	return r.Endpoints()[0]
}
