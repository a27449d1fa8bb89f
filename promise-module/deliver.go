package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// Back-off between two rounds of attempts, before jitter.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second
)

// delivery is the way of one parcel to one of several endpoints.
type delivery struct {
	endpoints []string                                                   // in order of preference
	timeout   time.Duration                                              // of one attempt at one endpoint
	retries   int                                                        // rounds over the endpoints beyond the first
	carry     func(ctx context.Context, endpoint string) (answer, error) // one attempt
}

// send tries every endpoint in turn until one answers, at most retries+1
// rounds and never beyond the deadline of ctx. A listener that is busy is
// asked again; any other refusal is the answer.
func (d delivery) send(ctx context.Context) (answer, error) {
	a, err := d.round(ctx, len(d.endpoints))
	for n := 1; err != nil && n <= d.retries && pause(ctx, n); n++ {
		again, failure := d.round(ctx, 1)
		if failure == nil {
			return again, nil
		}
		// A round that the deadline cut short knows less than the one before.
		if ctx.Err() == nil {
			err = failure
		}
	}
	return a, err
}

// round asks each endpoint once. The untried ones share what time there is: one
// that swallows its time must not keep the next from its first turn.
func (d delivery) round(ctx context.Context, untried int) (answer, error) {
	var failures []error
	for i, endpoint := range d.endpoints {
		if i > 0 && ctx.Err() != nil {
			break
		}
		a, err := d.ask(ctx, endpoint, max(untried-i, 1))
		if err == nil {
			return a, nil
		}
		failures = append(failures, err)
	}
	return answer{}, joined(failures)
}

// ask makes one attempt. It has timeout, but no more than its part of the
// time that is left to several.
func (d delivery) ask(ctx context.Context, endpoint string, parts int) (answer, error) {
	limit := d.timeout
	if end, bounded := ctx.Deadline(); bounded {
		limit = min(limit, time.Until(end)/time.Duration(parts))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a, err := d.carry(ctx, endpoint)
	a.endpoint = endpoint
	if err != nil {
		return answer{}, placed(endpoint, err)
	}
	if a.receipt.Code == message.Busy {
		return answer{}, fmt.Errorf("%s: %s", endpoint, a.refusal())
	}
	return a, nil
}

// placed names the endpoint of a failure, which those of zmq do themselves.
func placed(endpoint string, err error) error {
	if z := (*zmq.Error)(nil); errors.As(err, &z) {
		return err
	}
	return fmt.Errorf("%s: %w", endpoint, err)
}

// pause waits before a round, longer each time and never the same for two
// hosts; false means that there is no time left.
func pause(ctx context.Context, round int) bool {
	base := min(firstPause<<min(round-1, 8), maxPause)
	select {
	case <-time.After(base/2 + rand.N(base)):
		return true
	case <-ctx.Done():
		return false
	}
}

// joined puts several failures on one line: a log line holds no newline.
func joined(failures []error) error {
	if len(failures) == 1 {
		return failures[0]
	}
	texts := make([]string, len(failures))
	for i, err := range failures {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}
