package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

const (
	// courierAtOnce is how many messages are under way together: they share the
	// listener's fsync.
	courierAtOnce = 64
	// courierPatience bounds the wait for one receipt, also of a listener that is
	// busy.
	courierPatience = 10 * time.Second
)

// reach tells where the running listener takes requests: to, or the first
// endpoint that one of its request listeners binds.
func (c *Config) reach(to string) (string, error) {
	if to != "" {
		_, err := zmq.ParseEndpoint(to)
		return to, err
	}
	for _, l := range c.Listeners {
		if l.Pattern != patternRequest || len(l.Bind) == 0 || len(l.Only) > 0 {
			continue
		}
		e, err := zmq.ParseBind(l.Bind[0])
		if ip := net.ParseIP(e.Host); e.Host == "*" || ip != nil && ip.IsUnspecified() {
			e.Host = "127.0.0.1"
			if ip != nil && ip.To4() == nil {
				e.Host = "::1"
			}
		}
		if err == nil && e.Scheme == "tcp" && e.Port == 0 {
			return "", fmt.Errorf("%s: %s is any free port: name where the listener is reached with --to", c.name(), l.Bind[0])
		}
		return e.String(), err
	}
	return "", fmt.Errorf("%s: no listener of pattern request binds: add one, or name where it is reached with --to", c.name())
}

// curveAt is the curve of the listener that requests to an endpoint reach.
func (c *Config) curveAt(endpoint string) string {
	to, _ := zmq.ParseEndpoint(endpoint) // reach has seen it
	for _, l := range c.Listeners {
		for _, bind := range l.Bind {
			if b, err := zmq.ParseBind(bind); err == nil && l.Pattern == patternRequest && b.Port == to.Port && b.Path == to.Path {
				return l.Curve
			}
		}
	}
	return curveOff
}

// courier takes messages to the running listener.
type courier struct {
	client   *zmq.Client
	curve    bool            // it speaks CURVE, so receipts may be bare
	opener   *message.Opener // of its receipts alone
	endpoint string
}

// newCourier opens the way to the running listener, whose pair is given, at to or
// where the configuration says that it is reached. Its client is to be closed.
func newCourier(c *Config, pair *hostkey.Pair, limits message.Limits, to string) (*courier, error) {
	endpoint, err := c.reach(to)
	if err != nil {
		return nil, usageError{err}
	}
	own := pair.Public()
	var curve *zmq.CurveClient
	if curved(c.curveAt(endpoint)) {
		pair, err := readCurve(c.State)
		if err != nil {
			return nil, err
		}
		curve = &zmq.CurveClient{Server: pair.public, Secret: pair.secret}
	}
	return &courier{
		client:   zmq.NewClient(zmq.ClientOptions{MaxMessage: cutOff(limits.Size), Curve: curve}),
		curve:    curve != nil,
		endpoint: endpoint,
		opener: &message.Opener{Limits: receiptLimits, Keys: func(digest hostkey.Digest) (*hostkey.PublicKey, bool) {
			return own, digest == own.Digest()
		}},
	}, nil
}

// ask sends one message until the listener is not busy, or ctx ends.
func (c *courier) ask(ctx context.Context, id string, frame []byte) (message.Receipt, error) {
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		answer, err := c.client.Request(ctx, c.endpoint, frame)
		if err != nil {
			return message.Receipt{}, err
		}
		receipt, err := provedReceipt(c.opener, "", c.curve, answer, id)
		if err != nil || receipt.Code != message.Busy {
			return receipt, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return receipt, nil
		}
	}
}

// mayHaveArrived tells of an error without a receipt whether anything has left
// this host.
func mayHaveArrived(err error) bool {
	var z *zmq.Error
	return !errors.As(err, &z) || slices.Contains([]zmq.ErrorKind{zmq.Disconnected, zmq.Timeout, zmq.BadAnswer, zmq.Canceled, zmq.Closed}, z.Kind)
}

// wayOut says what to do where nobody listens.
func (c *courier) wayOut(err error) error {
	var z *zmq.Error
	if errors.As(err, &z) && z.Kind == zmq.Unreachable {
		return fmt.Errorf("no listener at %s: start it (cf-messaged run), or name where it is reached with --to: %w", c.endpoint, err)
	}
	return err
}
