package listener_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// Every code of DESIGN.md section 6, in its order. Each message has also the
// faults of the codes after its own, as far as it can have both, so the table
// fails where one is looked for too late.
func TestRefusals(t *testing.T) {
	hub, node, other, stranger := hosts().hub, hosts().node, hosts().other, hosts().stranger
	elsewhere := string(other.Digest())
	denied := container("receipt", "m-8", "1.0", `{"x":1}`)
	for _, c := range []struct {
		code     message.Code
		frame    []byte
		told     string         // in the reason that the sender is told; "" is none at all
		known    string         // in the reason that the operator reads
		sender   hostkey.Digest // proved
		id       string         // of the message that is answered
		unburied bool
	}{
		{message.TooLarge, bytes.Repeat([]byte("."), 2<<20), "", "the limit is", "", "", true},
		{message.Malformed, envelope(stranger, claims{alg: "none", aud: elsewhere, exp: 32 * 24 * time.Hour}, denied), "", "31 days", "", "", false},
		{message.Unsigned, host("m-1"), "", "no feed takes bare containers", "", "", false},
		{message.UnknownSender, forged(envelope(stranger, claims{alg: "none", aud: elsewhere, exp: -time.Minute}, denied)), "", string(stranger.Digest()) + " is not among the trusted keys", "", "", false},
		{message.BadSignature, forged(envelope(node, claims{aud: elsewhere, exp: -time.Minute}, denied)), "", string(node.Digest()), "", "", false},
		{message.BadSignature, envelope(node, claims{alg: "RS256", aud: elsewhere}, denied), "", "RS256", "", "", false},
		{message.NotForMe, envelope(node, claims{aud: elsewhere, exp: -time.Minute}, denied), "this host is " + string(hub.Digest()), "", node.Digest(), "m-8", false},
		{message.NotForMe, envelope(node, claims{aud: elsewhere}, []byte("{")), "aud", "", node.Digest(), "", false},
		{message.Expired, envelope(node, claims{exp: -time.Minute}, denied), "send it anew", "", node.Digest(), "m-8", false},
		{message.Malformed, fromNode([]byte(`{"host":{}}`)), "message_id", "", node.Digest(), "", false},
		{message.UnknownSchema, fromNode(container("nosuch", "m-2", "1.0", `1`)), `no feed for schema "nosuch"`, "", node.Digest(), "m-2", false},
		{message.UnknownSchema, fromNode(container("host", "m-3", "9.9", `1`)), "9.9", "", node.Digest(), "m-3", false},
		{message.Denied, fromNode(denied), "from of that feed", "", node.Digest(), "m-8", false},
		{message.InvalidContent, fromNode(container("host", "m-4", "1.0", `{"uqhost":7}`)), "/uqhost: expected", "", node.Digest(), "m-4", false},
	} {
		t.Run(string(c.code), func(t *testing.T) {
			s := start(t, func(o *listener.Options) {
				o.Rules = rules(t, map[string]listener.Feed{"host": {Trusted: true}, "receipt": {Senders: map[hostkey.Digest]bool{other.Digest(): true}}})
			})
			a := s.ask(c.frame)
			if a.Status != message.Refused || a.Code != c.code {
				t.Fatalf("answered %+v", a.Receipt)
			}
			if !strings.Contains(a.Reason, c.told) || (c.told == "") != (a.Reason == "") {
				t.Errorf("the sender is told %q, want %q", a.Reason, c.told)
			}
			if c.id == "" {
				c.id = message.NilID
			}
			if a.ID != c.id {
				t.Errorf("the answer is to %s, want %s", a.ID, c.id)
			}
			if c.known == "" {
				c.known = c.told
			}
			s.log.has(t, `"code":"`+string(c.code)+`"`, `"sender":"`+string(c.sender)+`"`, `"peer":"192.0.2.7"`)
			for code, n := range s.Counts().Refused() {
				if (code == c.code) != (n == 1) {
					t.Errorf("%s is counted %d times", code, n)
				}
			}
			if n := len(s.stored()); n != 0 {
				t.Errorf("%d messages stored", n)
			}
			letters := s.dead()
			if c.unburied {
				if len(letters) != 0 {
					t.Errorf("%d dead letters of what is too large", len(letters))
				}
				return
			}
			if len(letters) != 1 {
				t.Fatalf("%d dead letters", len(letters))
			}
			d := letters[0]
			if d.Code != string(c.code) || !strings.Contains(d.Reason, c.known) || d.Sender != string(c.sender) {
				t.Errorf("dead letter: %s %q of %q; want %q of %q", d.Code, d.Reason, d.Sender, c.known, c.sender)
			}
			if !bytes.Equal(d.Frame, c.frame) || d.Size != len(c.frame) || d.Peer != "192.0.2.7" || d.Pattern != "request" || !d.ReceivedAt.Equal(noon) {
				t.Errorf("dead letter: size %d, peer %s, pattern %s, at %s", d.Size, d.Peer, d.Pattern, d.ReceivedAt)
			}
		})
	}
}

// A frame that the socket found to be wrong goes no further.
func TestFault(t *testing.T) {
	s := start(t, nil)
	answers := make(chan []byte, 1)
	s.Submit(listener.Incoming{Pattern: "request", Frame: fromNode(host("m-1")), Fault: "2 payload frames, one expected", Answer: func(b []byte) { answers <- b }})
	a := s.wait(answers)
	if a.Code != message.Malformed || a.ID != message.NilID || a.Reason != "" {
		t.Errorf("%+v", a.Receipt)
	}
	if d := s.dead(); len(d) != 1 || d[0].Reason != "2 payload frames, one expected" || len(d[0].Frame) == 0 {
		t.Errorf("%+v", d)
	}
}

// A pattern without answers is judged, stored and refused all the same.
func TestNobodyHears(t *testing.T) {
	s := open(t, queue.Options{}, nil)
	for _, frame := range [][]byte{fromNode(host("m-1")), []byte("rubbish"), fromNode(host("m-1"))} {
		s.Submit(listener.Incoming{Pattern: "push", Frame: frame})
	}
	s.close()
	if len(s.stored()) != 1 || len(s.dead()) != 1 || s.Counts().Duplicate.Load() != 1 {
		t.Errorf("%d stored, %d dead letters, %d duplicates", len(s.stored()), len(s.dead()), s.Counts().Duplicate.Load())
	}
}

// What makes a library panic costs one message, and tells its sender nothing.
func TestPanic(t *testing.T) {
	s := start(t, func(o *listener.Options) { o.Rules.Schemas = nil })
	a := s.ask(fromNode(host("m-1")))
	if a.Code != message.Busy || a.Reason != "" {
		t.Errorf("%+v", a.Receipt)
	}
	s.log.has(t, "panic", "judge.go")
	if d := s.dead(); len(d) != 1 || d[0].Code != "busy" || !strings.Contains(d[0].Reason, "panic") {
		t.Errorf("%+v", d)
	}
	s.Reload(rules(t, map[string]listener.Feed{"host": {Trusted: true}}))
	if a := s.ask(fromNode(host("m-2"))); a.Status != message.Stored {
		t.Errorf("after the panic: %+v", a.Receipt)
	}
}
