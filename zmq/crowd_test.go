package zmq

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// residentKB is the process's memory that no file backs.
func residentKB(t testing.TB) int {
	t.Helper()
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc here")
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

// rubbish opens connections that each say something, or nothing, and leaves them to the other side. It gives those that
// are open.
func rubbish(t testing.TB, endpoint string, n int, say func(i int) string) []net.Conn {
	t.Helper()
	var open []net.Conn
	for i := range n {
		c, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, say(i))
		open = append(open, c)
	}
	return open
}

// allCut waits until the other side has ended every connection.
func allCut(t testing.TB, open []net.Conn, limit time.Duration) {
	t.Helper()
	end := time.Now().Add(limit)
	for i, c := range open {
		c.SetDeadline(end)
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d of %d connections are not cut within %v", len(open)-i, len(open), limit)
		}
		c.Close()
	}
}

// Half-open connections by the thousand, and such as send rubbish: each is cut when the time for a handshake is over at
// the latest, others are served meanwhile, and neither memory nor file descriptors are more after one crowd than after
// the one before the last, from the fourth on: what grows with each is never.
func TestHalfOpenCrowd(t *testing.T) {
	server, client := newCurveKeys(t), newCurveKeys(t)
	const crowd = 1000
	r := mustBind(t, ServerOptions{Curve: &CurveServer{Secret: server.secret}, Handshake: 500 * time.Millisecond})
	mustServe(t, r, echo)
	endpoint := r.Endpoints()[0]
	c := curved(t, server.public, client)
	ask(t, c, endpoint, "the first")
	greeting := "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00CURVE" + strings.Repeat("\x00", 47)
	said := []string{"", "\xff", greeting, greeting + "\x04\xc8\x05HELLO\x01\x00", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 300), strings.Repeat("\xff", 2000)}
	var memory, files []int
	more := func() bool { // libzmq keeps what the first ones took, for the next
		last := len(memory) - 1
		return last < 3 || memory[last]-memory[last-2] > 4096 || files[last] > files[last-2]+5
	}
	for len(memory) < 12 && more() {
		open := rubbish(t, endpoint, crowd, func(i int) string { return said[i%len(said)] })
		start := time.Now()
		ask(t, c, endpoint, "on an old connection")
		other := curved(t, server.public, client)
		inTime(t, time.Second, func(limit time.Duration) error { // it has no longer than the crowd for its handshake
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := other.Request(ctx, endpoint, []byte("on a new one"))
			return err
		})
		other.Close()
		if took := time.Since(start); took > ample { // half of them, one after another, would take more
			t.Errorf("others wait %v", took)
		}
		allCut(t, open, ample)
		debug.FreeOSMemory()
		memory, files = append(memory, residentKB(t)), append(files, openFiles(t))
	}
	if more() {
		t.Errorf("after each crowd of %d: anonymous memory of %d KB, %d open files", crowd, memory, files)
	}
}

// Trap 8: a listener without file descriptors left does not end, serves whom it has, and takes others as soon as there
// are some again. In a process of its own.
func TestNoFilesLeftToAccept(t *testing.T) {
	if os.Getenv("ZMQ_TEST_ACCEPT") != "" {
		acceptWithoutFiles(t)
		return
	}
	t.Parallel()
	child := exec.Command(os.Args[0], "-test.run=^TestNoFilesLeftToAccept$", "-test.v")
	child.Env = append(os.Environ(), "ZMQ_TEST_ACCEPT=1")
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	var endpoint, public string
	for lines := bufio.NewScanner(out); endpoint == "" && lines.Scan(); {
		fmt.Sscanf(lines.Text(), "serving %s %s", &endpoint, &public)
	}
	kept, late := curved(t, public, newCurveKeys(t)), curved(t, public, newCurveKeys(t))
	ask(t, kept, endpoint, "in time")
	open := rubbish(t, endpoint, 100, func(int) string { return "" }) // more than it has room for
	ask(t, kept, endpoint, "still served")
	refused(t, late, endpoint, Handshake, 500*time.Millisecond)
	for _, c := range open {
		c.Close()
	}
	ask(t, late, endpoint, "and room again")
	if err := child.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error(err)
	}
}

func acceptWithoutFiles(t *testing.T) {
	server := newCurveKeys(t)
	r := mustBind(t, ServerOptions{Curve: &CurveServer{Secret: server.secret}})
	mustServe(t, r, echo)
	var limit syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = uint64(openFiles(t) + 20)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("serving %s %s\n", r.Endpoints()[0], server.public)
	<-t.Context().Done() // it is killed
}
