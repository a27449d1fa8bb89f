package zmq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// rawPeer is a ZMTP 3.1 DEALER without libzmq (rfc.zeromq.org/spec/37), for what libzmq would not do.
type rawPeer struct {
	t testing.TB
	net.Conn
}

func dialRaw(t testing.TB, endpoint string) rawPeer {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(ample))
	return rawPeer{t, c}
}

// handshake greets with the NULL mechanism and says READY.
func (p rawPeer) handshake() rawPeer {
	p.t.Helper()
	return p.handshakeAs("DEALER")
}

func (p rawPeer) handshakeAs(kind string) rawPeer {
	p.t.Helper()
	greeting := make([]byte, 64)
	greeting[0], greeting[8], greeting[9], greeting[10], greeting[11] = 0xff, 1, 0x7f, 3, 1
	copy(greeting[12:], "NULL")
	ready := append([]byte("\x05READY\x0bSocket-Type\x00\x00\x00"), byte(len(kind)))
	ready = append(ready, kind...)
	_, err := p.Write(append(append(greeting, 4, byte(len(ready))), ready...))
	if err == nil {
		_, err = io.ReadFull(p, greeting)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if flags, _ := p.frame(); flags != 4 {
		p.t.Fatal("no READY came")
	}
	return p
}

// frame reads one frame.
func (p rawPeer) frame() (flags byte, body []byte) {
	p.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(p, head); err != nil || head[0]&2 != 0 {
		p.t.Fatalf("no short frame: %x, %v", head, err)
	}
	body = make([]byte, head[1])
	if _, err := io.ReadFull(p, body); err != nil {
		p.t.Fatal(err)
	}
	return head[0], body
}

// message is the wire form of a message of short frames.
func message(frames ...string) []byte {
	var b bytes.Buffer
	for i, f := range frames {
		more := byte(1)
		if i == len(frames)-1 {
			more = 0
		}
		b.Write([]byte{more, byte(len(f))})
		b.WriteString(f)
	}
	return b.Bytes()
}

// longFrame is the head of a long last frame.
func longFrame(size uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{2}, size)
}

// cut reports whether the other side ends the connection before the peer's deadline.
func (p rawPeer) cut() bool {
	_, err := io.Copy(io.Discard, p)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestRawPeer(t *testing.T) {
	r := mustBind(t, ServerOptions{})
	mustServe(t, r, echo)
	p := dialRaw(t, r.Endpoints()[0]).handshake()
	p.Write(message("", "hello"))
	p.frame()
	if _, body := p.frame(); string(body) != "hello" {
		t.Errorf("got %q", body)
	}
}
