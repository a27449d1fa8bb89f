package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// putLife is how long an envelope holds: as long as the module's (DESIGN.md
// section 7, expires), so that a dead letter can be mended and tried again.
const putLife = 168 * time.Hour

// send sends what is left of items, and tells of all in their order. The first
// that gets no receipt ends it.
func (d *putter) send(ctx context.Context, items []*putItem) error {
	c, err := newCourier(&d.config, d.pair, d.limits, d.to)
	if err != nil {
		return err
	}
	defer c.client.Close()
	var failed error
	refused := 0
	for some := range slices.Chunk(items, courierAtOnce) {
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
	ctx, cancel := context.WithTimeout(ctx, courierPatience)
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
