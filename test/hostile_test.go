package test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/test/ports"
)

// TestPeersCannotEndListener: peers that send more than is read at once, a PING
// behind it, and then reset their connection. The distribution's libzmq ends the
// process in the first dozen of them (build/zmq.patch).
func TestPeersCannotEndListener(t *testing.T) {
	if os.Getenv("MESSAGES_BIN") == "" {
		t.Skip("MESSAGES_BIN names no built programs: ./test/run does")
	}
	bin := needPrograms(t)
	work := filepath.Join(t.TempDir(), "node")
	if err := makeNode(work, bin); err != nil {
		t.Fatal(err)
	}
	port := ports.Free(t)
	endpoint := "tcp://127.0.0.1:" + port
	listener := exec.Command(filepath.Join(bin, "cf-messaged"), "run", "--state", filepath.Join(work, "listens"), "--keys", filepath.Join(work, "ppkeys"), "--bind", endpoint)
	listener.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+work)
	log := new(bytes.Buffer)
	listener.Stderr = log
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- listener.Wait() }()
	defer listener.Process.Kill()
	greeting, said := greeting(), pings()
	for range 300 {
		select {
		case err := <-ended:
			t.Fatalf("the listener has ended: %v\n%s", err, log)
		default:
			resetAfter("127.0.0.1:"+port, greeting, said)
		}
	}
	send := exec.Command(filepath.Join(bin, "messages"), "send", "--schema", "host", "--content", `{"uqhost":"www1"}`, "--to", endpoint)
	send.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+work)
	if out, err := send.CombinedOutput(); err != nil || !strings.Contains(string(out), "stored") {
		t.Errorf("afterwards: %v, %s", err, out)
	}
}

// greeting is a DEALER's handshake by ZMTP 3.1 (rfc.zeromq.org/spec/37).
func greeting() []byte {
	return fmt.Appendf(nil, "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x01NULL%s"+
		"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER", make([]byte, 48))
}

// pings are small messages, and PINGs behind them.
func pings() []byte {
	var b bytes.Buffer
	for range 2000 {
		b.WriteString("\x00\x01x")
	}
	for range 100 {
		b.WriteString("\x04\x07\x04PING\x00\x00")
	}
	return b.Bytes()
}

// resetAfter says something after the handshake and resets the connection soon.
func resetAfter(address string, greeting, said []byte) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		time.Sleep(10 * time.Millisecond) // it is not up yet, or has ended
		return
	}
	c.SetDeadline(time.Now().Add(patience))
	c.Write(greeting)
	io.ReadFull(c, make([]byte, len(greeting)))
	c.Write(said)
	time.Sleep(rand.N(20 * time.Millisecond))
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}
