package main

import (
	"context"
	"fmt"

	"github.com/webhuis/cfengine-messages/zmq"
)

// pattern is one of DESIGN.md section 5 as a load. async_request travels as
// request does.
type pattern struct {
	Name   string `json:"pattern"`
	Window int    `json:"window"` // messages under way, each awaiting its answer; 0: one after the other, none awaited

	sockets string
	alone   int // messages of libzmq alone, about half a second of them
}

// patterns are those that are measured. A listener answers each message of a
// pair; the first of the two does not wait for that, as without receipt.
var patterns = []pattern{
	{"request", 256, "DEALER to ROUTER", 100_000},
	{"publish", 0, "XPUB to SUB", 300_000},
	{"push", 0, "PUSH to PULL", 300_000},
	{"pair", 0, "PAIR to PAIR", 300_000},
	{"pair", 1, "PAIR to PAIR", 5_000},
}

func (p pattern) title() string {
	if p.Window > 0 {
		return fmt.Sprintf("%s: %s, %d under way, receipts awaited", p.Name, p.sockets, p.Window)
	}
	return fmt.Sprintf("%s: %s, no receipts awaited", p.Name, p.sockets)
}

// clients is how many goroutines send.
func (p pattern) clients() int { return max(p.Window, 1) }

// send does what the module does with an envelope. Nothing is dropped: each
// call waits for room, a publication for that of the subscriber, too.
func (p pattern) send(ctx context.Context, c *zmq.Client, endpoint string, frame []byte) (answer []byte, err error) {
	switch p.Name {
	case "publish":
		return nil, c.Publish(ctx, endpoint, "host", frame)
	case "push":
		return nil, c.Push(ctx, []string{endpoint}, frame)
	case "pair":
		var first func([]byte) bool
		if p.Window > 0 {
			first = func([]byte) bool { return true } // one is under way, so it answers that
		}
		return c.Pair(ctx, endpoint, frame, first)
	}
	return c.Request(ctx, endpoint, frame)
}
