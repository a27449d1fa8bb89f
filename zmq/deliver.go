package zmq

import (
	"context"
	"strings"
	"time"
)

// deliver uses a connection kept from an earlier request, else a new one. A kept one may have been lost unnoticed, the
// listener restarted: the message is sent again then, and known by its id should it have arrived both times.
func (c *Client) deliver(ctx context.Context, to Endpoint, payload []byte) ([]byte, error) {
	var lost error
	if kept := c.take(to); kept != nil {
		answer, err := c.over(ctx, kept, to, payload)
		if err == nil || kindOf(err) != Disconnected {
			return answer, err
		}
		lost = err
	}
	fresh, err := c.connect(ctx, to)
	switch {
	case err == nil:
		return c.over(ctx, fresh, to, payload)
	case lost != nil: // not the kind of err, by which nothing would have been sent
		return nil, fail(Disconnected, "%w; then %w", cause(lost), cause(err))
	}
	return nil, err
}

// over makes one exchange. An unanswered connection is closed: what it still holds of the request must not be
// delivered behind the caller's back.
func (c *Client) over(ctx context.Context, over *connection, to Endpoint, payload []byte) ([]byte, error) {
	answer, err := over.exchange(ctx, c.ids.Add(1), payload)
	if err != nil {
		over.close()
		return nil, err
	}
	c.keep(to, over)
	return answer, nil
}

// take gives a kept connection that is still alive, or nil.
func (c *Client) take(to Endpoint) *connection {
	for kept := c.pop(to); kept != nil; kept = c.pop(to) {
		if kept.alive() {
			return kept
		}
		kept.close()
	}
	return nil
}

func (c *Client) pop(to Endpoint) *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.idle[to.String()]
	if len(kept) == 0 {
		return nil
	}
	c.resting--
	last := len(kept) - 1
	c.idle[to.String()] = kept[:last]
	return kept[last]
}

func (c *Client) keep(to Endpoint, idle *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting >= c.options.MaxConnections {
		idle.close()
		return
	}
	c.idle[to.String()] = append(c.idle[to.String()], idle)
	c.resting++
}

// connect tries each address of the endpoint in turn. When none works, the error is of the kind that came furthest and
// tells of each.
func (c *Client) connect(ctx context.Context, to Endpoint) (*connection, error) {
	addresses, err := to.resolve(ctx, c.lookup)
	if err != nil {
		return nil, err
	}
	var failed *Error
	for i, address := range addresses {
		connection, err := c.dial(ctx, address, len(addresses)-i)
		if err == nil {
			return connection, nil
		}
		if len(addresses) > 1 {
			err = fail(kindOf(err), "%s %w", strings.TrimPrefix(address, "tcp://"), cause(err))
		}
		failed = failed.and(err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// dial gives one address its share of the time that is left, so that a dead first one does not use it up.
func (c *Client) dial(ctx context.Context, address string, left int) (*connection, error) {
	end, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
	defer cancel()
	return dial(ctx, c.zctx, address, c.options.MaxAnswer)
}
