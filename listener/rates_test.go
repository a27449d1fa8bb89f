package listener_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// atOnce is what may come at once at a rate of one a second.
const atOnce = 100

func limited(sender, address int) func(*listener.Options) {
	return func(o *listener.Options) { o.Rates = listener.Rates{Sender: sender, Address: address} }
}

// from asks from an address.
func (s *stage) from(peer string, frame []byte) answer {
	s.t.Helper()
	answers := make(chan []byte, 2)
	s.Submit(listener.Incoming{Pattern: "request", Peer: peer, Frame: frame, Answer: func(b []byte) { answers <- b }})
	return s.wait(answers)
}

// flood sends frames and gives how many were answered by each status or code.
func (s *stage) flood(peer string, n int, frame func(int) []byte) map[string]int {
	s.t.Helper()
	got := map[string]int{}
	for i := range n {
		a := s.from(peer, frame(i))
		got[string(a.Status)+string(a.Code)]++
	}
	return got
}

func numbered(i int) []byte { return fromNode(host(fmt.Sprint("m-", i))) }

func others(i int) []byte { return envelope(hosts().other, claims{}, host(fmt.Sprint("o-", i))) }

func (s *stage) same(what string, got, want any) {
	s.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A sender that says more than it may is told to come again, in the log once,
// without a dead letter; others go on, from the same address too, and it goes on
// itself as time passes.
func TestPerSender(t *testing.T) {
	s := open(t, queue.Options{}, limited(1, 1))
	s.same("the sender", s.flood("192.0.2.7", atOnce+50, numbered), map[string]int{"stored": atOnce, "refusedbusy": 50})
	a := s.ask(numbered(atOnce))
	if a.ID != fmt.Sprint("m-", atOnce) || !strings.Contains(a.Reason, "more than 1 messages a second") {
		t.Errorf("%s: %q", a.ID, a.Reason)
	}
	s.same("another", s.flood("192.0.2.7", 50, others), map[string]int{"stored": 50})
	s.clock.advance(3 * time.Second)
	s.same("3 s later", s.flood("192.0.2.8", 4, func(i int) []byte { return numbered(atOnce + i) }), map[string]int{"stored": 3, "refusedbusy": 1})
	s.log.has(t, "over its limit", string(hosts().node.Digest()), "limits.per_sender")
	if n := len(s.log.lines()); n != 1 {
		t.Errorf("%d lines", n)
	}
	s.same("counted", fmt.Sprint(s.Counts().Over.Load(), s.Counts().Refused()[message.Busy]), "52 52")
	s.close()
	s.same("dead letters", len(s.dead()), 0)
}

// Nobody uses up the allowance of another: not by its kid, not by what it was
// heard to say, whether that was stored, is late, was for another host, or is
// nothing that it may say here.
func TestAllowanceIsTheSendersOwn(t *testing.T) {
	const stranger = "198.51.100.1"
	s := start(t, limited(1, 100))
	s.same("said", s.from("192.0.2.7", numbered(0)).Status, message.Stored)
	for code, frame := range map[string][]byte{
		"refusedbad_signature":   forged(numbered(0)),
		"duplicate":              numbered(0),
		"refusedexpired":         envelope(hosts().node, claims{exp: -time.Minute}, host("late")),
		"refusednot_for_me":      envelope(hosts().node, claims{aud: string(hosts().other.Digest())}, host("theirs")),
		"refusedunknown_schema":  fromNode(container("domain", "not-here", "1.0", `{"domain":"d"}`)),
		"refusedinvalid_content": fromNode(container("host", "wrong", "1.0", `{"uqhost":7}`)),
	} {
		s.same(code, s.flood(stranger, 2*atOnce, func(int) []byte { return frame }), map[string]int{code: 2 * atOnce})
	}
	s.same("the sender", s.flood("192.0.2.7", atOnce, func(i int) []byte { return numbered(i + 1) }), map[string]int{"stored": atOnce - 1, "refusedbusy": 1})
}

// An address pays for what proves no sender, and then nothing that comes from it
// is looked at; others go on. This host's own addresses pay nothing.
func TestPerAddress(t *testing.T) {
	s := start(t, limited(0, 1))
	rubbish := func(int) []byte { return []byte("rubbish") }
	s.same("rubbish", s.flood("2001:db8::1", atOnce+50, rubbish), map[string]int{"refusedmalformed": atOnce, "refusedbusy": 50})
	a := s.from("2001:db8::ffff", numbered(0))
	if a.Code != message.Busy || a.ID != message.NilID || a.Reason != "" {
		t.Errorf("a neighbour: %+v", a.Receipt)
	}
	s.same("another", s.from("2001:db8:0:1::1", numbered(1)).Status, message.Stored)
	for _, here := range []string{"127.0.0.1", "::1", "ipc:0:0:1", ""} {
		s.same(here, s.flood(here, atOnce+1, rubbish), map[string]int{"refusedmalformed": atOnce + 1})
	}
	s.clock.advance(2 * time.Second)
	s.same("2 s later", s.from("2001:db8::1", numbered(2)).Status, message.Stored)
	s.log.has(t, "over its limit", "2001:db8::/64", "limits.per_address")
}

// What is proved costs its address nothing: a relay brings what many say.
func TestRelayPaysNothing(t *testing.T) {
	s := start(t, limited(0, 1))
	s.same("the relay", s.flood("192.0.2.7", 3*atOnce, numbered), map[string]int{"stored": 3 * atOnce})
}

// What does not decrypt takes as long as 20 signatures, and costs as much.
func TestEncryptedRubbishIsDear(t *testing.T) {
	s := start(t, limited(0, 1))
	frame := encrypted(t, fromNode(host("m-1")), hosts().hub)
	frame = append(frame[:len(frame)-4], "AAAA"...)
	s.same("rubbish", s.flood("192.0.2.7", 20, func(int) []byte { return bytes.Clone(frame) }), map[string]int{"refusedbad_signature": 5, "refusedbusy": 15})
}

// Before the disk is full nothing is stored, dead letters neither, and it goes
// on by itself once there is room; the log says each once.
func TestDiskIsNearlyFull(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("needs root to mount a small disk:", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(disk, 0)) })
	s := open(t, queue.Options{}, func(o *listener.Options) { o.Disk = listener.Disk{Folder: disk, Least: 2 << 20} })
	ballast := filepath.Join(disk, "ballast")
	fill := func(size int64) {
		must(t, os.WriteFile(ballast, make([]byte, size), 0o600))
		s.clock.advance(time.Second)
	}
	s.same("empty", s.ask(numbered(0)).Status, message.Stored)
	fill(3 << 20)
	for i := range 3 {
		a := s.ask(numbered(1))
		if a.Code != message.Busy || a.ID != "m-1" || !strings.Contains(a.Reason, "nearly full") {
			t.Errorf("%d: %+v", i, a.Receipt)
		}
		s.same("rubbish", s.ask([]byte("rubbish")).Code, message.Malformed)
		s.clock.advance(time.Second)
	}
	fill(2<<20 - 100<<10) // over the mark, and not by a quarter
	s.same("nearly", s.ask(numbered(1)).Code, message.Busy)
	must(t, os.Remove(ballast))
	s.same("within the second", s.ask(numbered(1)).Code, message.Busy)
	s.clock.advance(time.Second)
	s.same("with room again", s.ask(numbered(1)).Status, message.Stored)
	s.close()
	s.same("dead letters", len(s.dead()), 0)
	told := strings.Join(s.log.lines(), "\n")
	if strings.Count(told, "nearly full") != 1 || strings.Count(told, "has room again") != 1 || strings.Contains(told, "not stored, its sender") {
		t.Errorf("logged:\n%s", told)
	}
}
