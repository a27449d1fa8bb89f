package listener_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
)

// A feed that replies answers with what it wants and with its view, a
// duplicate too: its sender may have missed the first receipt.
func TestReply(t *testing.T) {
	s := start(t, func(o *listener.Options) {
		o.Rules = rules(t, map[string]listener.Feed{"host": {Trusted: true, Unsigned: true, Replies: true}})
		o.Reply = func(_ context.Context, o message.Opened, position int64) ([]string, *message.View, error) {
			data := fmt.Sprintf(`{"id":%q,"position":%d}`, o.Container.MessageID, position)
			return []string{"network"}, &message.View{Name: "host_context", Data: json.RawMessage(data)}, nil
		}
	})
	for i, want := range []message.Status{message.Stored, message.Duplicate} {
		a := s.ask(fromNode(host("m-1")))
		if a.Status != want || fmt.Sprint(a.Wants) != "[network]" || a.View == nil || string(a.View.Data) != `{"id":"m-1","position":1}` {
			t.Errorf("%d: %+v %+v", i, a.Receipt, a.View)
		}
	}
	if a := s.ask(host("bare")); a.Status != message.Stored || a.View != nil || a.Wants != nil {
		t.Errorf("who is not proved has a view: %+v", a.Receipt)
	}
}

// What goes wrong with a view costs the view, never the receipt.
func TestReplyFails(t *testing.T) {
	s := start(t, func(o *listener.Options) {
		o.Rules = rules(t, map[string]listener.Feed{"host": {Trusted: true, Replies: true}})
		o.Reply = func(context.Context, message.Opened, int64) ([]string, *message.View, error) {
			return []string{"network"}, nil, errors.New("the truth is gone")
		}
	})
	if a := s.ask(fromNode(host("m-1"))); a.Status != message.Stored || a.View != nil || len(a.Wants) != 1 {
		t.Errorf("%+v", a.Receipt)
	}
	s.log.has(t, "the truth is gone")
}
