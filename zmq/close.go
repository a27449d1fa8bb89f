package zmq

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pebbe/zmq4"
)

// Close ends the calls under way (Closed), gives what Publish, Push and Pair took over to the system, for at most
// ClientOptions.Linger, and closes every connection. It returns when nothing of the Client is left: at once when there
// is nothing to hand over. The error names each endpoint that did not take everything in time: what it did not is lost.
// A second Close does nothing. A process that exits without Close loses what was sent last.
func (c *Client) Close() error {
	return c.CloseWithin(c.options.Linger)
}

// CloseWithin is Close with a bound of its own instead of ClientOptions.Linger, 0 for none of that.
func (c *Client) CloseWithin(linger time.Duration) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.busy.Wait()
	if c.zctx == nil {
		return nil
	}
	for _, r := range c.requests {
		r.close()
	}
	late, done := c.handOver(time.Now().Add(linger))
	if !done { // the context would never end: it goes with the process
		return late
	}
	return errors.Join(late, terminate(c.zctx))
}

// handOver closes the links whose messages have no answer, all at once, and waits for each until end. done is false where
// libzmq has not let go of one even then.
func (c *Client) handOver(end time.Time) (late error, done bool) {
	var open []*link
	for _, l := range slices.Concat(slices.Collect(maps.Values(c.links)), pusherLinks(c.pushers)) {
		if l.connection != nil {
			l.connection.finish(end)
			open = append(open, l)
		}
	}
	for _, l := range open {
		if !l.connection.finished(end.Add(grace / 2)) {
			late = errors.Join(late, fmt.Errorf("%s: not everything could be handed over before the end: %s", l.to, wayOut[Stuck]))
		}
	}
	done = true
	for _, l := range open {
		if !l.connection.finished(end.Add(time.Second)) {
			done = false // its last event would hold up libzmq for ever, were nobody there to take it
			continue
		}
		_ = l.connection.monitor.events.Close()
	}
	return late, done
}

// grace is how much longer libzmq may hold a message than Close waits for it, so that the two can be told apart.
const grace = 100 * time.Millisecond

// finish closes the socket; libzmq goes on until all is written to the system, or until end and the grace have passed.
// The monitor stays, and hears of that.
func (c *connection) finish(end time.Time) {
	_ = c.socket.SetLinger(max(0, time.Until(end)) + grace)
	_ = c.socket.Close()
}

// finished waits, until then, for what finish has begun and reports whether it is done.
func (c *connection) finished(until time.Time) bool {
	p := zmq4.NewPoller()
	p.Add(c.monitor.events, zmq4.POLLIN)
	for c.monitor.read() == nil && !c.monitor.stopped && time.Now().Before(until) {
		if _, err := poll(p, min(slice, time.Until(until))); err != nil {
			break
		}
	}
	return c.monitor.stopped
}
