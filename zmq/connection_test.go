package zmq

import (
	"context"
	"testing"
	"time"

	"github.com/pebbe/zmq4"
)

// A program that answers and exits: the answer and the end of the connection are there at once, and the answer counts.
// With RECONNECT_IVL -1 or IMMEDIATE libzmq would throw it away.
func TestAnswerBeforeDisconnect(t *testing.T) {
	p := python(t, `
s = c.socket(zmq.REP)
s.linger = 1000
say(s.bind_to_random_port("tcp://127.0.0.1"))
s.send(s.recv())
s.close()
c.term()
`)
	zctx, err := newContext(10)
	if err != nil {
		t.Fatal(err)
	}
	defer terminate(zctx)
	ctx, cancel := context.WithTimeout(t.Context(), ample)
	defer cancel()
	c, err := dial(ctx, zctx, zmq4.DEALER, "tcp://127.0.0.1:"+p.line(), ClientOptions{MaxAnswer: 1000}, new(stage))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	id := []byte{1, 2, 3, 4}
	if err := sendFrames(c.socket, id, nil, []byte("last words")); err != nil {
		t.Fatal(err)
	}
	for c.monitor.failed == nil {
		if err := c.monitor.read(); err != nil || ctx.Err() != nil {
			t.Fatal(err, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // libzmq goes on to take the connection down
	frames, _, err := receiveFrames(c.socket, 3)
	if err != nil || string(frames[2]) != "last words" {
		t.Errorf("got %q, %v", frames, err)
	}
}
