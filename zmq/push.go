package zmq

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Push hands payload to one of the endpoints' peers: each in turn of those that are connected, and take it. One endpoint
// is one peer. It waits for a peer that is connected and has room, no longer than ctx or ClientOptions.Timeout, and tries
// to connect all that time. The first Push to several endpoints goes out once all have been tried, or a tenth of its
// time, 200 ms at most, after the first was connected; who is late joins when it is connected.
//
// The message is delivered at most once: nil means that libzmq has it for a connected peer, of which it keeps up to 128
// unsent, and what a peer has not read when it dies is lost. After an error nothing was handed over. Its kind is that of
// the endpoint that came furthest, and it tells of each; Stuck means that all who are connected do not read.
func (c *Client) Push(ctx context.Context, endpoints []string, payload []byte) error {
	all := strings.Join(endpoints, ", ")
	to, err := parseEndpoints(endpoints)
	if err != nil {
		return &Error{Kind: BadEndpoint, Endpoint: all, Err: err}
	}
	return c.call(ctx, all, payload, func(ctx context.Context) error {
		return c.push(ctx, c.pushersTo(to), all, payload)
	})
}

func parseEndpoints(texts []string) ([]Endpoint, error) {
	if len(texts) == 0 {
		return nil, errors.New("no endpoint: name at least one")
	}
	to := make([]Endpoint, len(texts))
	for i, text := range texts {
		var err error
		if to[i], err = ParseEndpoint(text); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func (c *Client) push(ctx context.Context, pushers []*pusher, set string, payload []byte) error {
	start := time.Now()
	for wait := room; ; wait = min(2*wait, 500*time.Millisecond) {
		c.reach(ctx, pushers)
		if err := c.offer(ctx, pushers, set, payload); err == nil || !is(err, syscall.EAGAIN) {
			return err
		}
		if ctx.Err() != nil || noneAdmits(pushers) {
			return nobody(ctx, pushers, start)
		}
		if full := firstReady(pushers); full != nil {
			full.awaitRoom(ctx, len(pushers))
			wait = room
		} else {
			pause(ctx, wait/2+rand.N(wait))
		}
	}
}

// noneAdmits reports whether each of the peers has shut this client out, which it will do again.
func noneAdmits(pushers []*pusher) bool {
	return !slices.ContainsFunc(pushers, func(p *pusher) bool { return kindOf(p.why()) != NotAdmitted })
}

// offer gives the payload to the first, from whose turn it is, that has room; EAGAIN when none has.
func (c *Client) offer(ctx context.Context, pushers []*pusher, set string, payload []byte) error {
	first := c.nextRound(set)
	for i := range pushers {
		p := pushers[(first+i)%len(pushers)]
		if err := p.send(ctx, payload); !is(err, syscall.EAGAIN) {
			return err
		}
	}
	return syscall.EAGAIN
}

func (c *Client) nextRound(set string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rounds[set]++
	return c.rounds[set]
}

// nobody says why no peer took the message: the kind is that of the endpoint that came furthest.
func nobody(ctx context.Context, pushers []*pusher, start time.Time) error {
	var failed *Error
	for _, p := range pushers {
		err := p.why()
		if len(pushers) > 1 {
			err = named(p.to.String(), err)
		}
		failed = failed.and(err)
	}
	switch {
	case ctx.Err() == nil:
		return failed
	case errors.Is(ctx.Err(), context.Canceled):
		return fail(Canceled, "nobody has taken it yet: %w", context.Canceled)
	}
	return &Error{Kind: failed.Kind, Err: fmt.Errorf("nobody has taken it %w: %w", late(time.Since(start)), failed.Err), way: failed.way}
}
