package zmq

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// The end of the gate is the end of the Server: with nobody to ask, libzmq would admit everybody. It ends by an error that
// says so, and nobody has come in by then.
func TestGateEndsServer(t *testing.T) {
	server := newCurveKeys(t)
	r := mustBind(t, ServerOptions{Curve: &CurveServer{Secret: server.secret, Admits: func(string, string) bool { panic("out of order") }}})
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(t.Context(), func(q Request) { t.Errorf("%q came in", q.Payload); q.Drop() }) }()
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := curved(t, server.public, newCurveKeys(t)).Request(ctx, r.Endpoints()[0], []byte("hello"))
		asked <- err
	}()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "out of order") || !strings.Contains(err.Error(), "nobody is admitted") {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(ample):
		t.Fatal("the server goes on without its gate")
	}
	cancel()
	if err := <-asked; err == nil {
		t.Error("answered")
	}
}

// And of a Sender: what is sent from then on fails.
func TestGateEndsSender(t *testing.T) {
	server := newCurveKeys(t)
	s, err := BindSender(SenderOptions{Pattern: "push", Binds: []string{"tcp://127.0.0.1:0"},
		Curve: &CurveServer{Secret: server.secret, Admits: func(string, string) bool { panic("out of order") }}})
	if err != nil {
		t.Fatal(err)
	}
	mustReceive(t, ServerOptions{Pattern: "push", Connects: s.Endpoints(), CurveOf: &CurveClient{Server: server.public}})
	if err := s.Send(t.Context(), "", []byte("work")); kindOf(err) != Failed || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("sent: %v", err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("closed: %v", err)
	}
}

// tap passes a connection on and remembers what went over it.
type tap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

func (p *tap) listen(t testing.TB, to string) (endpoint string) {
	return listenTCP(t, func(c net.Conn) {
		there, err := net.Dial("tcp", strings.TrimPrefix(to, "tcp://"))
		if err != nil {
			return
		}
		defer there.Close()
		go io.Copy(io.MultiWriter(p, c), there)
		io.Copy(io.MultiWriter(p, there), c)
	})
}

func (p *tap) saw(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.seen.Bytes(), []byte(text))
}

// Who listens on the way sees content without CURVE, and none with it.
func TestCurveHidesContent(t *testing.T) {
	server := newCurveKeys(t)
	for _, secret := range []bool{false, true} {
		o, c := ServerOptions{}, newClient(t, ClientOptions{})
		if secret {
			o.Curve, c = &CurveServer{Secret: server.secret}, curved(t, server.public, newCurveKeys(t))
		}
		r := mustBind(t, o)
		mustServe(t, r, func(q Request) { q.Reply(append([]byte("answer to "), q.Payload...)) })
		between := new(tap)
		if got := ask(t, c, between.listen(t, r.Endpoints()[0]), "the launch code"); got != "answer to the launch code" {
			t.Fatalf("got %q", got)
		}
		for _, text := range []string{"launch", "answer"} {
			if between.saw(text) == secret {
				t.Errorf("with CURVE %v: %q was seen: %v", secret, text, !secret)
			}
		}
		if !between.saw("\x7f\x03") {
			t.Error("the tap saw no greeting")
		}
	}
}

// Peers that do not go the way of ZMTP 3 with CURVE are cut off, whatever they claim, and nothing of theirs is read:
// NULL, PLAIN with any password, and the versions of ZMTP that know no mechanism (CVE-2014-7202 let those in).
func TestCurveTakesNoOtherWay(t *testing.T) {
	server := newCurveKeys(t)
	r, got := mustReceive(t, ServerOptions{Curve: &CurveServer{Secret: server.secret}})
	greeting := func(minor byte, mechanism string) string {
		return "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03" + string(minor) + fmt.Sprintf("%-20s", mechanism+strings.Repeat("\x00", 20-len(mechanism))) + strings.Repeat("\x00", 32)
	}
	ready := "\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
	hello := "\x01\x00\x00\x05hello"
	for name, said := range map[string]string{
		"NULL":                         greeting(1, "NULL") + ready + hello,
		"PLAIN":                        greeting(1, "PLAIN") + "\x04\x12\x05HELLO\x05admin\x05admin" + ready + hello,
		"no mechanism":                 greeting(1, "") + ready + hello,
		"CURVE that skips its way":     greeting(0, "CURVE") + ready + hello,
		"CURVE that begins at the end": greeting(0, "CURVE") + "\x04\x09\x08INITIATE" + hello,
		"CURVE with a short HELLO":     greeting(0, "CURVE") + "\x04\x06\x05HELLO" + hello,
		"CURVE with a false HELLO":     greeting(0, "CURVE") + "\x04\xc8\x05HELLO\x01\x00" + strings.Repeat("x", 192) + hello,
		"ZMTP 2.0":                     "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01\x05\x00\x00" + hello,
		"ZMTP 1.0":                     "\x01\x00\x01\x01\x06\x00hello",
	} {
		t.Run(name, func(t *testing.T) {
			p := dialRaw(t, r.Endpoints()[0])
			p.SetDeadline(time.Now().Add(ample)) // beyond the time for the handshake
			p.Write([]byte(said))
			if !p.cut() {
				t.Error("the connection goes on")
			}
		})
	}
	ask(t, curved(t, server.public, newCurveKeys(t)), r.Endpoints()[0], "the right way")
	if expect(t, got, "", "the right way", ""); r.Unknown() != 0 {
		t.Errorf("%d messages without a key", r.Unknown())
	}
}
