package handler

import (
	"context"
	"errors"
	"testing"

	"github.com/webhuis/cfengine-messages/queue"
)

// The frame goes on as it came, under a deadline, and an error keeps its kind.
func TestForward(t *testing.T) {
	var sent queue.Message
	var answer error
	f := NewForward("push tcp://127.0.0.1:5558", func(ctx context.Context, m queue.Message) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("no deadline")
		}
		sent = m
		return answer
	})
	m := stored("a")
	m.Frame = []byte("e30.eyJob3N0IjogMX0.c2ln")
	if err := f.Handle(t.Context(), m); err != nil || string(sent.Frame) != string(m.Frame) || sent.MessageID != "a" {
		t.Errorf("sent %+v, %v", sent, err)
	}
	answer = Permanent(errors.New("refused: denied"))
	if err := f.Handle(t.Context(), m); !IsPermanent(err) || err.Error() != "forward: refused: denied" {
		t.Error(err)
	}
	if f.Name() != "forward push tcp://127.0.0.1:5558" {
		t.Error(f.Name())
	}
}
