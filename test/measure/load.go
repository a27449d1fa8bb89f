package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webhuis/cfengine-messages/zmq"
)

// load is a number of clients, each with one request under way, that take the
// next envelope as soon as they have their answer.
type load struct {
	client    *zmq.Client
	endpoint  string
	envelopes envelopes
	answers   [][]byte // of the envelope at the same place; nil where it was not sent
	next      atomic.Int64
}

// loadRun is what one load saw; its warm-up counts in nothing but answers.
type loadRun struct {
	answers   [][]byte
	latencies []float64 // sorted, in microseconds
	took      time.Duration
	own, peer time.Duration // processor time of this process and of the server
	commits   uint32        // of the server, where it counts them
}

// runLoad sends until the envelopes are used up or the plan's time is over.
// Before the clock starts each client has made one request, and with it the
// connection. counter reads how often the server has committed.
func (s *stage) runLoad(ctx context.Context, c *child, e envelopes, clients int, counter func() (uint32, error)) (loadRun, error) {
	l := &load{
		client:   zmq.NewClient(zmq.ClientOptions{MaxConnections: clients, Timeout: 10 * time.Second}),
		endpoint: c.endpoint, envelopes: e, answers: make([][]byte, len(e.frames)),
	}
	defer l.client.Close()
	g, ctx := errgroup.WithContext(ctx)
	seen := make([][]float64, clients)
	var warm sync.WaitGroup
	warm.Add(clients)
	start := make(chan time.Time, clients)
	for i := range clients {
		g.Go(func() (err error) {
			_, _, err = l.one(ctx)
			warm.Done()
			if end := <-start; err == nil {
				seen[i], err = l.until(ctx, end)
			}
			return err
		})
	}
	warm.Wait()
	r := loadRun{answers: l.answers}
	before, err := look(c, counter)
	began := time.Now()
	for range clients {
		start <- began.Add(s.load)
	}
	err = cmp.Or(g.Wait(), err)
	r.took = time.Since(began)
	after, failed := look(c, counter)
	r.own, r.peer, r.commits = after.own-before.own, after.peer-before.peer, after.commits-before.commits
	r.latencies = slices.Sorted(slices.Values(slices.Concat(seen...)))
	return r, cmp.Or(err, failed)
}

// until makes one request after the other and gives the time each took.
func (l *load) until(ctx context.Context, end time.Time) ([]float64, error) {
	var seen []float64
	for time.Now().Before(end) {
		took, sent, err := l.one(ctx)
		if !sent || err != nil {
			return seen, err
		}
		seen = append(seen, microseconds(took))
	}
	return seen, nil
}

// one makes a request with the next envelope; sent is false when there is none.
func (l *load) one(ctx context.Context) (took time.Duration, sent bool, err error) {
	i := int(l.next.Add(1)) - 1
	if i >= len(l.envelopes.frames) {
		return 0, false, nil
	}
	began := time.Now()
	l.answers[i], err = l.client.Request(ctx, l.endpoint, l.envelopes.frames[i])
	if err != nil {
		return 0, true, fmt.Errorf("message %d: %w", i+1, err)
	}
	return time.Since(began), true, nil
}

// counts are read at the beginning and at the end of a load.
type counts struct {
	own, peer time.Duration
	commits   uint32
}

func look(c *child, counter func() (uint32, error)) (counts, error) {
	n := counts{own: usedBy(syscall.RUSAGE_SELF)}
	var err error
	if n.peer, err = c.cpu(); err == nil && counter != nil {
		n.commits, err = counter()
	}
	return n, err
}
