package listener_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
)

// encrypted is an envelope as it travels to the hub.
func encrypted(t *testing.T, envelope []byte, to *hostkey.Pair) []byte {
	t.Helper()
	frame, err := message.Encrypt(envelope, to.Public())
	must(t, err)
	return frame
}

// askEncrypted asks and opens the answer, which must be encrypted to the node.
func (s *stage) askEncrypted(frame []byte) answer {
	s.t.Helper()
	sealed := <-s.submit(frame)
	envelope, err := message.Decrypt(sealed, hosts().node, message.Limits{})
	if err != nil {
		s.t.Fatalf("the answer %s is not encrypted to its sender: %v", sealed, err)
	}
	return s.read(envelope)
}

// What came encrypted is answered encrypted, its view and its refusals too; the
// queue holds the envelope that proves its sender.
func TestEncrypted(t *testing.T) {
	s := start(t, func(o *listener.Options) {
		o.Rules = rules(t, map[string]listener.Feed{"host": {Trusted: true, Replies: true}})
		o.Reply = func(context.Context, message.Opened, int64) ([]string, *message.View, error) {
			return nil, &message.View{Name: "host_context", Data: json.RawMessage(`{"secret":1}`)}, nil
		}
	})
	envelope := fromNode(host("m-1"))
	for _, want := range []message.Status{message.Stored, message.Duplicate} {
		if a := s.askEncrypted(encrypted(t, envelope, hosts().hub)); a.Status != want || a.View == nil {
			t.Errorf("got %+v, want %s with a view", a, want)
		}
	}
	if a := s.askEncrypted(encrypted(t, fromNode(container("host", "m-2", "1.0", `{"uqhost":7}`)), hosts().hub)); a.Code != message.InvalidContent {
		t.Errorf("got %+v", a)
	}
	if m := s.stored(); len(m) != 1 || !bytes.Equal(m[0].Frame, envelope) || m[0].Sender != string(hosts().node.Digest()) || !m[0].Encrypted {
		t.Errorf("stored %+v", m)
	}
	if d := s.dead(); len(d) != 1 || !message.IsEncrypted(d[0].Frame) {
		t.Errorf("dead letters %+v, want the frame as it came", d)
	}
	if a := s.ask(fromNode(host("m-3"))); a.Status != message.Stored || s.stored()[1].Encrypted {
		t.Errorf("in the clear: %+v", a)
	}
}

// What is encrypted and not for this host, or not by a sender that is proved,
// is refused in the clear and in one word.
func TestEncryptedRefused(t *testing.T) {
	good := encrypted(t, fromNode(host("m-1")), hosts().hub)
	for code, frame := range map[message.Code][]byte{
		message.NotForMe:      encrypted(t, fromNode(host("m-1")), hosts().other),
		message.UnknownSender: encrypted(t, envelope(hosts().stranger, claims{}, host("m-1")), hosts().hub),
		message.BadSignature:  append(bytes.Clone(good[:len(good)-22]), "AAAAAAAAAAAAAAAAAAAAAA"...),
		message.Malformed:     encrypted(t, host("m-1"), hosts().hub),
	} {
		s := start(t, nil)
		a := s.ask(frame)
		if a.Code != code || a.Reason != "" || a.ID != message.NilID {
			t.Errorf("%s: got %+v", code, a)
		}
		if d := s.dead(); len(d) != 1 || d[0].Reason == "" || d[0].Sender != "" || s.Counts().Refused()[code] != 1 {
			t.Errorf("%s: dead letters %+v, counts %v", code, d, s.Counts().Refused())
		}
	}
}
