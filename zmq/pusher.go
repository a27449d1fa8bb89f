package zmq

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// pusher is the link to one peer of the push pattern, connected in a goroutine of its own, so that a dead one does not
// hold up the others.
type pusher struct {
	link

	mu      sync.Mutex
	ready   bool      // connected, when last looked at
	dialing bool      // a goroutine is connecting
	failed  error     // why the last attempt did not
	tried   time.Time // its end
}

func (c *Client) pushersTo(to []Endpoint) []*pusher {
	c.mu.Lock()
	defer c.mu.Unlock()
	pushers := make([]*pusher, len(to))
	for i, e := range to {
		key := e.String()
		if c.pushers[key] == nil {
			c.pushers[key] = &pusher{}
			c.pushers[key].init(c, zmq4.PUSH, e)
		}
		pushers[i] = c.pushers[key]
	}
	return pushers
}

func pusherLinks(pushers map[string]*pusher) []*link {
	var links []*link
	for _, p := range pushers {
		links = append(links, &p.link)
	}
	return links
}

// firstReady gives one that is connected, or nil.
func firstReady(pushers []*pusher) *pusher {
	for _, p := range pushers {
		p.mu.Lock()
		ready := p.ready
		p.mu.Unlock()
		if ready {
			return p
		}
	}
	return nil
}

// reach connects those that are not. It waits for them while none is connected, and a little longer for the others.
func (c *Client) reach(ctx context.Context, pushers []*pusher) {
	some := firstReady(pushers) != nil
	tried := make(chan bool, len(pushers))
	open := 0
	for _, p := range pushers {
		if p.begin(some) {
			open++
			c.busy.Go(func() { tried <- p.dialUntil(ctx) })
		}
	}
	if some {
		return
	}
	var enough <-chan time.Time
	for ; open > 0; open-- {
		select {
		case ok := <-tried:
			if ok && enough == nil {
				enough = time.After(patience(ctx))
			}
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

// patience is how long those are waited for that are not yet connected when another is.
func patience(ctx context.Context) time.Duration {
	end, _ := ctx.Deadline()
	return min(time.Until(end)/10, 200*time.Millisecond)
}

// againAfter is how soon a peer that failed is tried once more while others are connected.
const againAfter = time.Second

// begin reports whether the caller is to connect this one.
func (p *pusher) begin(others bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready || p.dialing || others && time.Since(p.tried) < againAfter {
		return false
	}
	p.dialing = true
	return true
}

// dialUntil connects until ctx's deadline, even when the call that began it has long found another peer.
func (p *pusher) dialUntil(ctx context.Context) bool {
	end, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(p.client.life, end)
	defer cancel()
	start := time.Now()
	err := p.hold(ctx)
	if err == nil {
		err = p.connect(ctx)
		p.release()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready, p.dialing, p.tried = err == nil, false, time.Now()
	if p.failed == nil || err == nil || ctx.Err() == nil || time.Since(start) > slice {
		p.failed = err // but for an attempt that was cut short, which says less than the one before
	}
	return err == nil
}

// send gives the message to libzmq; EAGAIN when the peer is not connected or has no room.
func (p *pusher) send(ctx context.Context, payload []byte) error {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	if !ready {
		return syscall.EAGAIN
	}
	if err := p.hold(ctx); err != nil {
		return err
	}
	defer p.release()
	if lost := p.connection.lost(); lost != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ready, p.failed = false, lost
		return syscall.EAGAIN
	}
	err := sendFrames(p.connection.socket, payload)
	if err != nil && !is(err, syscall.EAGAIN) {
		return fail(Failed, "send: %w", err)
	}
	return err
}

// awaitRoom waits until this one, which is connected and full, has room; among others for a short while only, since
// another may have it first.
func (p *pusher) awaitRoom(ctx context.Context, others int) {
	d := slice
	if others > 1 {
		d = room
	}
	if p.hold(ctx) == nil {
		p.connection.awaitRoom(ctx, d)
		p.release()
	}
}

// why says why this peer did not take a message.
func (p *pusher) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ready:
		return fail(Stuck, "connected, but the peer takes no more")
	case p.failed != nil:
		return p.failed
	}
	return fail(p.stage.now(), "%s", p.stage.text())
}
