package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

const (
	// putAtOnce is how many messages are under way together: they share the
	// listener's fsync.
	putAtOnce = 64
	// putPatience bounds the wait for one receipt, also of a listener that is
	// busy.
	putPatience = 10 * time.Second
	// putLife is how long an envelope holds: as long as the module's (DESIGN.md
	// section 7, expires), so that a dead letter can be mended and tried again.
	putLife = 168 * time.Hour
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

func (d *putter) courier() (*courier, error) {
	endpoint, err := d.config.reach(d.to)
	if err != nil {
		return nil, usageError{err}
	}
	own := d.pair.Public()
	var curve *zmq.CurveClient
	if curved(d.config.curveAt(endpoint)) {
		pair, err := readCurve(d.config.State)
		if err != nil {
			return nil, err
		}
		curve = &zmq.CurveClient{Server: pair.public, Secret: pair.secret}
	}
	return &courier{
		client:   zmq.NewClient(zmq.ClientOptions{MaxMessage: cutOff(d.limits.Size), Curve: curve}),
		curve:    curve != nil,
		endpoint: endpoint,
		opener: &message.Opener{Limits: receiptLimits, Keys: func(digest hostkey.Digest) (*hostkey.PublicKey, bool) {
			return own, digest == own.Digest()
		}},
	}, nil
}

// send sends what is left of items, and tells of all in their order. The first
// that gets no receipt ends it.
func (d *putter) send(ctx context.Context, items []*putItem) error {
	c, err := d.courier()
	if err != nil {
		return err
	}
	defer c.client.Close()
	var failed error
	refused := 0
	for some := range slices.Chunk(items, putAtOnce) {
		if failed == nil {
			failed = d.sendSome(ctx, c, some)
		}
		for _, i := range some {
			i.status = cmp.Or(i.status, putNotSent)
			if i.status == string(message.Refused) {
				refused++
			}
			if err := d.tell(i); err != nil {
				return err
			}
		}
	}
	if failed == nil && refused > 0 {
		failed = fmt.Errorf("put: %d of %d refused", refused, len(items))
	}
	return failed
}

// sendSome sends some at once and returns the first failure to get a receipt.
func (d *putter) sendSome(ctx context.Context, c *courier, items []*putItem) error {
	failures := make([]error, len(items))
	var sending sync.WaitGroup
	for n, i := range items {
		if i.status == "" {
			sending.Go(func() { failures[n] = d.sendOne(ctx, c, i) })
		}
	}
	sending.Wait()
	return cmp.Or(failures...)
}

func (d *putter) sendOne(ctx context.Context, c *courier, i *putItem) error {
	ctx, cancel := context.WithTimeout(ctx, putPatience)
	defer cancel()
	id := cmp.Or(d.messageID, message.NewID())
	frame, err := d.seal(i, id)
	if err != nil {
		i.refuse(err)
		return nil
	}
	receipt, err := c.ask(ctx, id, frame)
	if err != nil {
		if mayHaveArrived(err) {
			i.id, i.status, i.reason = id, putFailed, err.Error()
		}
		return fmt.Errorf("put: %w", c.wayOut(err))
	}
	i.id, i.status, i.code, i.reason = id, string(receipt.Status), receipt.Code, receipt.Reason
	switch receipt.Code {
	case message.Denied:
		i.reason = d.deniedHint(i.schema)
	case message.UnknownSchema:
		i.reason += "; the configuration here knows it: reload the listener"
	case message.UnknownSender:
		i.reason = fmt.Sprintf("the listener does not trust its own key: put localhost.pub beside localhost.priv in %s", d.config.Keys)
	}
	return nil
}

// deniedHint says why a listener may refuse what its configuration allows.
func (d *putter) deniedHint(schema string) string {
	if from, err := parseFrom(d.config.Feeds[schema].From); err == nil && len(from.views) > 0 {
		return fmt.Sprintf("feeds.%s.from: %s does not yield this listener's own key %s: add self beside it, and reload the listener",
			schema, strings.Join(from.views, ", "), d.pair.Digest())
	}
	return fmt.Sprintf("the running listener does not let its own key %s in, and %s does: reload the listener", d.pair.Digest(), d.config.name())
}

// seal makes the envelope. It has no seq: that of this host's key is counted by
// the module, and a second counter would look like gaps.
func (d *putter) seal(i *putItem, id string) ([]byte, error) {
	container, err := message.Container{Schema: i.schema, MessageID: id, Version: i.template.Version, Content: i.content}.Encode()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return message.Seal(container, message.Header{Iat: now.Unix(), Exp: now.Add(putLife).Unix(), Aud: string(d.pair.Digest())}, d.pair)
}

// ask sends one message until the listener is not busy, or ctx ends.
func (c *courier) ask(ctx context.Context, id string, frame []byte) (message.Receipt, error) {
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		answer, err := c.client.Request(ctx, c.endpoint, frame)
		if err != nil {
			return message.Receipt{}, err
		}
		receipt, err := provedReceipt(c.opener, c.curve, answer, id)
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
