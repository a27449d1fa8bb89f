package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// curveKeySchema is the schema by which a host binds the key of its connections
// to itself (schemas/curve_key).
const curveKeySchema = "curve_key"

// admitted makes an attempt that binds this host's CURVE key where the listener
// does not admit it, and then comes again. Nothing is remembered of that on disk:
// a listener that has lost what it knew is told anew.
func (m *messages) admitted(j job, c *curveClient, carry func(context.Context, string) (answer, error)) func(context.Context, string) (answer, error) {
	return func(ctx context.Context, endpoint string) (answer, error) {
		a, err := carry(ctx, endpoint)
		if z := (*zmq.Error)(nil); len(j.to.enrol) == 0 || !errors.As(err, &z) || z.Kind != zmq.NotAdmitted {
			return a, err
		}
		if err := m.bindOnce(ctx, j, c); err != nil {
			return a, fmt.Errorf("the listener takes enrolled hosts only, and this host's CURVE key is not bound: %w", err)
		}
		return carry(ctx, endpoint)
	}
}

// bindOnce binds the key once in a run: who comes meanwhile waits for that, and
// who comes later knows how it went.
func (m *messages) bindOnce(ctx context.Context, j job, c *curveClient) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.tried {
		return c.bound
	}
	err := m.bindCurve(ctx, j, c.own)
	if c.tried = ctx.Err() == nil; c.tried {
		c.bound = err
	}
	return err
}

// bindCurve tells the listener, at the endpoints of enrol, that this key is the
// host's: a message like any other, over a connection made with that very key.
func (m *messages) bindCurve(ctx context.Context, j job, public string) error {
	known, err := m.schemas()
	if err != nil {
		return err
	}
	b := job{attributes: tableDefaults(), promiser: curveKeySchema}
	if b.schema, err = known.Find(curveKeySchema, ""); err != nil {
		return err
	}
	b.content, b.pattern, b.repeat = json.RawMessage(`{"public":"`+public+`"}`), patternRequest, repeatAlways
	b.timeout, b.retries, b.encryptTo = j.timeout, 0, j.encryptTo
	b.to = target{endpoints: j.to.enrol, key: j.to.key, serverKey: j.to.serverKey}
	parcels, err := m.pack(ctx, b)
	if err != nil {
		return err
	}
	a, err := m.carry(ctx, b, parcels[0])
	if err == nil && a.receipt.Status == message.Refused {
		err = fmt.Errorf("%s: %s", a.endpoint, a.refusal())
	}
	return err
}
