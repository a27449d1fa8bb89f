package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/test/ports"
	"github.com/webhuis/cfengine-messages/zmq"
)

// listen is a listener in this process: respond gives the answer to each frame,
// or nil for none.
func listen(t testing.TB, respond func(frame []byte) []byte) (endpoint string) {
	t.Helper()
	r, err := zmq.Listen(zmq.ServerOptions{Binds: []string{"tcp://127.0.0.1:*"}, Drain: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Serve(ctx, func(q zmq.Request) {
			if reply := respond(q.Payload); reply != nil {
				q.Reply(reply)
				return
			}
			q.Drop()
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r.Endpoints()[0]
}

// deadEndpoint is a port where nobody listens, silentEndpoint one where somebody
// takes the connection and never says a word.
func deadEndpoint(t testing.TB) string {
	t.Helper()
	return "tcp://127.0.0.1:" + ports.Free(t)
}

func silentEndpoint(t testing.TB) string {
	t.Helper()
	l := mustListen(t)
	t.Cleanup(func() { l.Close() })
	return "tcp://" + l.Addr().String()
}

func mustListen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// idOf is the message id of a frame, signed or bare.
func idOf(frame []byte) string {
	payload, err := message.Payload(frame)
	if err != nil {
		return message.NilID
	}
	c, err := message.Decode(payload, message.Limits{})
	if err != nil {
		return message.NilID
	}
	return c.MessageID
}

// bareReceipt and sealedReceipt are answers to the message of that id.
func bareReceipt(t testing.TB, r message.Receipt, id string) []byte {
	t.Helper()
	b, err := r.Container(id).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sealedReceipt(t testing.TB, by testKey, r message.Receipt, id string, at time.Time) []byte {
	t.Helper()
	session, err := message.NewSessionKey(by.pair, at, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := session.Seal(bareReceipt(t, r, id), message.Header{Iat: at.Unix(), Exp: at.Add(time.Minute).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

var stored = message.Receipt{Status: message.Stored}
