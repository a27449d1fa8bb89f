package listener_test

import (
	"errors"
	"testing"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
)

// over submits a frame that came over a connection of this kind, and gives the
// very bytes of the answer.
func (s *stage) over(in listener.Incoming, frame []byte) []byte {
	answers := make(chan []byte, 2)
	in.Pattern, in.Peer, in.Frame, in.Answer = "request", "192.0.2.7", frame, func(b []byte) { answers <- b }
	s.Submit(in)
	return <-answers
}

// Whom the connection has proved to the peer need not prove itself again: every
// receipt is bare, but those that are encrypted.
func TestBareReceipts(t *testing.T) {
	s := start(t, nil)
	curve := listener.Incoming{Proved: true}
	for id, want := range map[string]message.Receipt{
		"m-1":         {Status: message.Stored},
		message.NilID: {Status: message.Refused, Code: message.Malformed},
	} {
		frame := []byte("rubbish")
		if want.Status == message.Stored {
			frame = fromNode(host(id))
		}
		answer := s.over(curve, frame)
		c, err := message.Decode(answer, message.DefaultLimits)
		if err != nil {
			t.Fatalf("%s is not bare: %v", answer, err)
		}
		if r, err := message.ParseReceipt(c); err != nil || r.Status != want.Status || r.Code != want.Code || c.MessageID != id {
			t.Errorf("%s: got %+v, %v", id, r, err)
		}
	}
	if sealed, err := message.Decrypt(s.over(curve, encrypted(t, fromNode(host("m-2")), hosts().hub)), hosts().node, message.Limits{}); err != nil || s.read(sealed).Status != message.Stored {
		t.Errorf("what came encrypted: %v", err)
	}
}

// What a connection may not say is refused after what its sender may not, and
// before its content is looked at.
func TestMayOfConnections(t *testing.T) {
	s := start(t, nil)
	denied := listener.Incoming{May: func(o message.Opened) error {
		if o.Sender != hosts().node.Digest() {
			t.Errorf("asked about %s", o.Sender)
		}
		return &message.Refusal{Code: message.Denied, Reason: "not over this connection"}
	}}
	for frame, code := range map[string]message.Code{
		string(fromNode(host("m-1"))):                                     message.Denied,
		string(fromNode(container("host", "m-2", "1.0", `{"uqhost":7}`))): message.Denied,
		string(fromNode(container("network", "m-3", "1.0", `{}`))):        message.UnknownSchema,
		string(envelope(hosts().stranger, claims{}, host("m-4"))):         message.UnknownSender,
	} {
		if a := s.read(s.over(denied, []byte(frame))); a.Code != code || a.Code == message.Denied && a.Reason != "not over this connection" {
			t.Errorf("got %+v, want %s", a, code)
		}
	}
	if a := s.read(s.over(listener.Incoming{May: func(message.Opened) error { return errors.New("its own trouble") }}, fromNode(host("m-5")))); a.Code != message.Busy {
		t.Errorf("got %+v", a)
	}
	if a := s.read(s.over(listener.Incoming{May: func(message.Opened) error { return nil }}, fromNode(host("m-6")))); a.Status != message.Stored {
		t.Errorf("got %+v", a)
	}
}
