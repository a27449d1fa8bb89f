package listener_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// enrolling is a stage that keeps the keys of who asks, and heeds what is
// decided about them.
func enrolling(t *testing.T) (s *stage, decisions, pending string) {
	t.Helper()
	folder := t.TempDir()
	decisions, pending = filepath.Join(folder, "keys.json"), filepath.Join(folder, "pending.json")
	var keeper *hostkey.Pending
	s = open(t, queue.Options{}, func(o *listener.Options) {
		must(t, o.Trust.Heed(decisions))
		keeper = hostkey.OpenPending(pending, o.Trust.Settled, func(err error) { t.Error(err) })
		o.Pending = keeper
	})
	t.Cleanup(func() {
		s.close()
		must(t, keeper.Close())
	})
	return s, decisions, pending
}

func enrolment(t *testing.T, by *hostkey.Pair, id string) []byte {
	t.Helper()
	frame, err := message.Enrol(host(id), message.Header{Iat: noon.Unix(), Exp: noon.Add(time.Hour).Unix()}, by)
	must(t, err)
	return frame
}

func fromStranger(id string) []byte { return envelope(hosts().stranger, claims{}, host(id)) }

// A host enrols with one message, nothing else is taken from it until it is
// approved, and nothing any more from the moment it is revoked.
func TestEnrolApproveRevoke(t *testing.T) {
	s, decisions, pending := enrolling(t)
	refused := func(when string, frame []byte) {
		t.Helper()
		if a := s.ask(frame); a.Code != message.UnknownSender || a.Reason != "" || a.ID != message.NilID {
			t.Errorf("%s: %+v", when, a.Receipt)
		}
	}
	refused("at first", fromStranger("m-1"))
	refused("when it asks", enrolment(t, hosts().stranger, "m-1"))
	refused("asking again", enrolment(t, hosts().stranger, "m-1"))
	refused("while it waits", fromStranger("m-2"))
	if n, d := s.Counts().Refused()[message.UnknownSender], len(s.dead()); n != 2 || d != 2 {
		t.Errorf("%d refused, %d dead letters; asking is neither", n, d)
	}
	s.log.has(t, "asks to be trusted", string(hosts().stranger.Digest()), "192.0.2.7")
	var all []hostkey.PendingKey
	s.await(func() bool {
		all, _ = hostkey.ReadPending(pending)
		return len(all) == 1
	})
	if all[0].Digest != hosts().stranger.Digest() || all[0].Peer != "192.0.2.7" {
		t.Fatalf("pending %+v", all)
	}
	decide := func(state string) {
		t.Helper()
		must(t, hostkey.Decide(t.Context(), decisions, hostkey.Decision{Digest: all[0].Digest, State: state, PublicKey: all[0].PublicKey}))
	}
	decide(hostkey.Approved)
	if a := s.ask(fromStranger("m-2")); a.Status != message.Stored {
		t.Errorf("approved: %+v", a.Receipt)
	}
	if a := s.ask(enrolment(t, hosts().stranger, "m-3")); a.Status != message.Stored {
		t.Errorf("approved, and asking: %+v", a.Receipt)
	}
	decide(hostkey.Revoked)
	refused("revoked", fromStranger("m-4"))
	refused("revoked, asking", enrolment(t, hosts().stranger, "m-5"))
	must(t, hostkey.Decide(t.Context(), decisions, hostkey.Decision{Digest: hosts().node.Digest(), State: hostkey.Revoked}))
	refused("revoked, in the folder", fromNode(host("m-6")))
	if n := len(s.stored()); n != 2 {
		t.Errorf("%d stored", n)
	}
}

// Who asks without having the key is a stranger like any other.
func TestNoEnrolment(t *testing.T) {
	s, _, pending := enrolling(t)
	good := enrolment(t, hosts().stranger, "m-1")
	bad := append([]byte{}, good[:len(good)-342]...)
	bad = append(bad, enrolment(t, hosts().stranger, "m-2")[len(enrolment(t, hosts().stranger, "m-2"))-342:]...)
	s.ask(bad)
	s.ask(encrypted(t, bad, hosts().hub))
	if n := len(s.dead()); n != 2 {
		t.Errorf("%d dead letters", n)
	}
	if all, err := hostkey.ReadPending(pending); err != nil || len(all) != 0 {
		t.Errorf("pending %+v, %v", all, err)
	}
	s.ask(encrypted(t, good, hosts().hub))
	s.await(func() bool { all, _ := hostkey.ReadPending(pending); return len(all) == 1 })
}

// A flood of those who ask costs a bounded share, and beyond it is refused as
// any other.
func TestFloodOfEnrolments(t *testing.T) {
	s, _, _ := enrolling(t)
	frame := enrolment(t, hosts().stranger, "m-1")
	var answers []<-chan []byte
	for range 500 {
		answers = append(answers, s.submit(frame))
	}
	for _, c := range answers {
		if a := s.wait(c); a.Code != message.UnknownSender {
			t.Fatalf("%+v", a.Receipt)
		}
	}
	if n := s.Counts().Refused()[message.UnknownSender]; n != 300 { // the clock stands still
		t.Errorf("%s: %d of 500 are refused without a look", fmt.Sprint(hosts().stranger.Digest()), n)
	}
	if a := s.ask(fromNode(host("m-2"))); a.Status != message.Stored {
		t.Errorf("%+v", a.Receipt)
	}
}
