package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// errRunOver: run_limit is used up.
var errRunOver = errors.New("the time of this run for messages is over (run_limit in messages.json)")

// arrive delivers one message of the outbox and settles what comes of it. Once
// means one attempt at each of its endpoints.
func (m *messages) arrive(ctx context.Context, e entry, once bool) (came arrival) {
	c, err := claim(m.work.state(), e)
	if err != nil {
		came.err = err
		return came
	}
	defer c.letGo()
	j, p, err := c.job()
	if err != nil {
		came.err = fmt.Errorf("%s is damaged: %w", c.path, err)
		return came
	}
	came.promiser, came.id = j.promiser, p.id
	if once {
		j.retries = 0
	}
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	if p, came.err = m.addressedTo(ctx, j, p); came.err != nil {
		return came
	}
	if came.answer, came.err = m.carry(ctx, j, p); came.err == nil {
		came.newView, came.aside = m.landed(ctx, c, j, came.answer)
	}
	return came
}

// landed keeps what came back for a message, and takes it out of the outbox, in
// this order: another agent that misses it there shall find that it was
// delivered. Of one that its promise superseded meanwhile nothing is noted, and
// of a refused one only that it was dropped.
func (m *messages) landed(ctx context.Context, c *claimed, j job, a answer) (newView bool, err error) {
	defer m.flights.leftOutbox()
	if a.receipt.Status == message.Refused {
		return false, m.dropRefused(c, a)
	}
	if _, superseded := os.Lstat(c.path); superseded == nil {
		newView, err = m.settle(ctx, j, a, c.QueuedAt)
	}
	return newView, errors.Join(err, c.done())
}

// maxClaimWait bounds the wait between two looks at a message that another agent
// of this host is sending.
const maxClaimWait = 20 * time.Millisecond

// arriveSoon is arrive for a promise that waits for it: another agent that is
// at it is waited for. gone tells that there is nothing left to deliver.
func (m *messages) arriveSoon(ctx context.Context, it *item) (gone bool) {
	for {
		it.came = m.arrive(ctx, it.entry, false)
		if !errors.Is(it.came.err, errTaken) {
			return false
		}
		if _, err := os.Lstat(it.file(m.work.state())); err != nil {
			return true
		}
		select {
		case <-time.After(maxClaimWait):
		case <-ctx.Done():
			return false
		}
	}
}
