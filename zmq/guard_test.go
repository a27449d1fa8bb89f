package zmq

import (
	"bytes"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Frames that have others to follow them, of 8 KB and of nothing.
var (
	largeFrame = append([]byte{3, 0, 0, 0, 0, 0, 0, 0x20, 0}, make([]byte, 8<<10)...)
	emptyFrame = []byte{1, 0}
)

// endless sends a message that has no end, until the connection is cut.
func endless(p rawPeer, frame []byte) {
	some := bytes.Repeat(frame, 1+(128<<10)/len(frame))
	for {
		if _, err := p.Write(some); err != nil {
			return
		}
	}
}

// Whoever sends messages without an end is cut off before he fills the memory, and what he sent is let go; who sends
// messages goes on, on the same connections.
func TestEndlessMessages(t *testing.T) {
	t.Run("large frames", func(t *testing.T) { endlessMessages(t, largeFrame) })
	t.Run("empty frames", func(t *testing.T) { endlessMessages(t, emptyFrame) })
}

func endlessMessages(t *testing.T, frame []byte) {
	const budget, waves = 64 << 20, 4
	var told sync.Mutex
	var events []string
	before := residentKB(t)
	r := mustBind(t, ServerOptions{MaxMessage: 1 << 20, Event: func(err error) {
		told.Lock()
		defer told.Unlock()
		events = append(events, err.Error())
	}})
	r.guard.every = 20 * time.Millisecond
	r.guard.budget = budget
	r.guard.memory = func() int64 { return ownMemory() - int64(before)<<10 }
	mustServe(t, r, echo)
	endpoint := r.Endpoints()[0]
	good := dialRaw(t, endpoint).handshake()
	speak := func() {
		good.SetDeadline(time.Now().Add(ample))
		good.Write(message("", "hello"))
		good.frame()
		if _, body := good.frame(); string(body) != "hello" {
			t.Errorf("got %q", body)
		}
	}
	speak()
	most := 0
	for range waves {
		var bad sync.WaitGroup
		for range 4 {
			p := dialRaw(t, endpoint).handshake()
			p.SetDeadline(time.Now().Add(ample))
			bad.Go(func() { endless(p, frame) })
		}
		cut := make(chan struct{})
		go func() { bad.Wait(); close(cut) }()
		for ended := false; !ended; {
			select {
			case <-cut:
				ended = true
			default:
				speak()
				most = max(most, residentKB(t)-before)
			}
		}
	}
	speak()
	if most > 4*budget>>10 { // more than one wave takes, and less than all of them
		t.Errorf("%d MB were gathered", most>>10)
	}
	told.Lock()
	defer told.Unlock()
	if len(events) < 4*waves || !strings.Contains(events[0], "without the end of a message") {
		t.Errorf("told: %q", events)
	}
	t.Logf("%d MB at most", most>>10)
}

// Those who wait in their turn, and those who idle, are left alone.
func TestGuardLeavesOthersAlone(t *testing.T) {
	all, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	client, err := net.Dial("tcp", all.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := all.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const budget = 64 << 10
	g := newGuard([]string{"tcp://" + all.Addr().String()}, budget, 4<<10-aroundMessage, nil)
	short := true
	g.memory = func() int64 {
		if short {
			return budget + 1
		}
		return 0
	}
	send := func(n int) {
		t.Helper()
		client.Write(make([]byte, n))
		if _, err := io.ReadFull(server, make([]byte, n)); err != nil {
			t.Fatal("cut off:", err)
		}
	}
	fd := func() string { // the accepted one's number, as a guard finds it
		for _, c := range streams(g.ports) {
			if c.peer == client.LocalAddr().String() {
				return strconv.Itoa(c.fd)
			}
		}
		t.Fatal("not found")
		return ""
	}()
	g.look()
	for range 100 { // messages that are whole, each larger than what may be unfinished
		send(8 << 10)
		g.heard(fd)
		g.look()
	}
	for range 100 { // heartbeats
		send(50)
		g.look()
	}
	send(8 << 10) // while nobody reads
	g.reads(false)
	g.look()
	g.reads(true)
	g.heard(fd)
	g.look()
	send(8 << 10) // while there is memory
	short = false
	g.look()
	short = true
	g.look()
	send(1)
	send(8 << 10)
	g.look()
	client.SetDeadline(time.Now().Add(ample))
	if _, err := client.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Error("an unfinished message is left alone:", err)
	}
}

// In every pattern, with CURVE and without, a guard learns over which connection a message came.
func TestGuardHears(t *testing.T) {
	server, client := newCurveKeys(t), newCurveKeys(t)
	for name, send := range patterns {
		for _, curve := range []*CurveServer{nil, {Secret: server.secret}} {
			r := mustBind(t, ServerOptions{Pattern: name, Curve: curve})
			r.guard.alert.Store(true) // nothing is ended: the memory suffices, but it looks only after a while
			r.guard.every = time.Hour
			mustServe(t, r, echo)
			c := newClient(t, ClientOptions{})
			if curve != nil {
				c = curved(t, server.public, client)
			}
			if err := send(t.Context(), c, r.Endpoints()[0]); err != nil {
				t.Fatal(name, err)
			}
			heard := func() (all []int) {
				r.guard.mu.Lock()
				defer r.guard.mu.Unlock()
				return slices.Collect(maps.Keys(r.guard.from))
			}
			for end := time.Now().Add(ample); len(heard()) == 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			known := streams(r.guard.ports)
			if all := heard(); len(all) != 1 || !slices.ContainsFunc(known, func(s stream) bool { return s.fd == all[0] }) {
				t.Errorf("%s, CURVE %v: heard %v, of %v", name, curve != nil, all, known)
			}
		}
	}
}
