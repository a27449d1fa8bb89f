package listener_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// sealedAt is an envelope of the node, from iat on for as long as any may hold.
func sealedAt(t *testing.T, iat time.Time, id string) []byte {
	t.Helper()
	frame, err := message.Seal(host(id), message.Header{Iat: iat.Unix(), Exp: iat.Add(message.MaxLifetime).Unix()}, hosts().node)
	must(t, err)
	return frame
}

// again is another process on the same state and keys.
func (s *stage) again() *stage {
	s.t.Helper()
	s.close()
	must(s.t, s.queue.Close())
	trust, err := hostkey.OpenTrust(s.keys)
	must(s.t, err)
	s.t.Cleanup(func() { trust.Close() })
	next := &stage{t: s.t, state: s.state, keys: s.keys, log: new(logged), clock: s.clock}
	next.queue, err = queue.Open(s.state, queue.Options{Now: s.clock.Now})
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, next.queue.Close()) })
	next.Listener, err = listener.New(listener.Options{
		Pair: hosts().hub, Trust: trust, Queue: next.queue, Room: 2000, Now: s.clock.Now, Skew: message.MaxSkew,
		Rules: rules(s.t, map[string]listener.Feed{"host": {Trusted: true}}), Log: slog.New(slog.NewJSONHandler(next.log, nil)),
	})
	must(s.t, err)
	return next
}

// What was taken once is not taken twice: not in this run nor the next, not
// when the clock has moved, not from a clock that was ahead; and when its id is
// forgotten, it has expired.
func TestReplay(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"a clock that is right": 0, "a clock that is ahead": message.MaxSkew} {
		t.Run(name, func(t *testing.T) {
			s := open(t, queue.Options{}, func(o *listener.Options) { o.Skew = message.MaxSkew })
			frame := sealedAt(t, noon.Add(ahead), "m-1")
			end := message.MaxLifetime + ahead
			if a := s.ask(frame); a.Status != message.Stored {
				t.Fatalf("%+v", a)
			}
			var last time.Duration
			for _, at := range []time.Duration{0, time.Hour, 30 * 24 * time.Hour, end - time.Second} {
				s.clock.advance(at - last)
				last = at
				for range 2 {
					if a := s.ask(frame); a.Status != message.Duplicate {
						t.Errorf("after %s: %+v", at, a.Receipt)
					}
					s = s.again()
				}
			}
			s.clock.advance(time.Second)
			if a := s.ask(frame); a.Code != message.Expired {
				t.Errorf("at its end: %+v", a.Receipt)
			}
			if n := len(s.stored()); n != 1 {
				t.Errorf("stored %d times", n)
			}
			s.close()
		})
	}
}

// Ids are remembered for as long as any envelope can hold.
func TestIDsOutliveEnvelopes(t *testing.T) {
	if queue.DuplicateWindow < message.MaxLifetime+message.MaxSkew {
		t.Errorf("ids are remembered for %s, envelopes hold for up to %s", queue.DuplicateWindow, message.MaxLifetime+message.MaxSkew)
	}
}

// A clock that went back makes what is stored no less stored.
func TestReplayWithTheClockSetBack(t *testing.T) {
	s := start(t, nil)
	frame := sealedAt(t, noon.Add(-24*time.Hour), "m-1")
	for i, want := range []message.Status{message.Stored, message.Duplicate} {
		if a := s.ask(frame); a.Status != want {
			t.Errorf("%d: %+v", i, a.Receipt)
		}
		s.clock.advance(-12 * time.Hour)
	}
}

// Encrypted anew, or by another way, it is the same message.
func TestReplayEncryptedAnew(t *testing.T) {
	s := start(t, nil)
	envelope := sealedAt(t, noon, "m-1")
	if a := s.ask(envelope); a.Status != message.Stored {
		t.Fatalf("%+v", a.Receipt)
	}
	for range 2 {
		if a := s.askEncrypted(encrypted(t, envelope, hosts().hub)); a.Status != message.Duplicate {
			t.Errorf("%+v", a.Receipt)
		}
	}
	s.Submit(listener.Incoming{Pattern: "push", Frame: bytes.Clone(envelope)})
	s.await(func() bool { return s.Counts().Duplicate.Load() == 3 })
}

// A replay by a crowd, at once, is stored once.
func TestReplayAtOnce(t *testing.T) {
	s := start(t, nil)
	frame := sealedAt(t, noon, "m-1")
	var answers []<-chan []byte
	for range 200 {
		answers = append(answers, s.submit(frame))
	}
	count := map[message.Status]int{}
	for _, c := range answers {
		count[s.wait(c).Status]++
	}
	if fmt.Sprint(count) != "map[duplicate:199 stored:1]" || len(s.stored()) != 1 {
		t.Errorf("%v", count)
	}
}

// How far a sender's clock may be ahead is the listener's to say.
func TestClockSkew(t *testing.T) {
	for skew, allowed := range map[time.Duration]time.Duration{0: 5 * time.Minute, time.Second: time.Second, message.MaxSkew: time.Hour} {
		s := start(t, func(o *listener.Options) { o.Skew = skew })
		if a := s.ask(sealedAt(t, noon.Add(allowed), "m-1")); a.Status != message.Stored {
			t.Errorf("%s ahead: %+v", allowed, a.Receipt)
		}
		if a := s.ask(sealedAt(t, noon.Add(allowed+time.Second), "m-2")); a.Code != message.Expired {
			t.Errorf("a second more than %s ahead: %+v", allowed, a.Receipt)
		}
	}
}
