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

// load is a number of clients of a pattern, each with one message under way,
// that take the next envelope as soon as they are done with it: answered, or
// handed over where no answer is awaited.
type load struct {
	pattern   pattern
	clients   int
	lasts     time.Duration
	to        *child
	envelopes envelopes

	commits func() (uint32, error)                        // how often the server has committed; nil where it does not
	arrived func(context.Context, *load) (arrival, error) // waits for the last message; nil where answers tell

	client  *zmq.Client
	answers [][]byte // of the envelope at the same place; nil where there is none
	next    atomic.Int64
}

// arrival is how many messages the server has, and since when.
type arrival struct {
	count int
	at    time.Time
}

// loadRun is what one load saw; its warm-up counts in nothing but answers.
type loadRun struct {
	answers   [][]byte
	latencies []float64 // sorted, in microseconds
	sent, has int       // messages that were sent, and those that the server had in the end
	took      time.Duration
	own, peer time.Duration // processor time of this process and of the server
	commits   uint32        // of the server, where it counts them
	memory    float64       // MiB of the server, at most so far
	quantiles *[2]float64   // p50 and p99, where the load tells no more of its latencies
}

// latency gives a quantile, 0.50 or 0.99.
func (r loadRun) latency(q float64) float64 {
	if r.quantiles == nil {
		return quantile(r.latencies, q)
	}
	if q == 0.50 {
		return r.quantiles[0]
	}
	return r.quantiles[1]
}

// run sends until the envelopes are used up or the time is over, and waits
// until the last one has arrived. Before the clock starts each client has sent
// one message, and with it made the connection.
func (l *load) run(ctx context.Context) (loadRun, error) {
	l.client = zmq.NewClient(zmq.ClientOptions{MaxConnections: l.clients, Timeout: 10 * time.Second})
	l.answers = make([][]byte, len(l.envelopes.frames))
	defer l.client.Close()
	g, sending := errgroup.WithContext(ctx)
	seen := make([][]float64, l.clients)
	var warm sync.WaitGroup
	warm.Add(l.clients)
	start := make(chan time.Time, l.clients)
	for i := range l.clients {
		g.Go(func() (err error) {
			_, _, err = l.one(sending)
			warm.Done()
			if end := <-start; err == nil {
				seen[i], err = l.until(sending, end)
			}
			return err
		})
	}
	warm.Wait()
	before, err := l.look()
	began := time.Now()
	for range l.clients {
		start <- began.Add(l.lasts)
	}
	if err = cmp.Or(g.Wait(), err); err != nil {
		return loadRun{}, err
	}
	r := loadRun{answers: l.answers, latencies: slices.Sorted(slices.Values(slices.Concat(seen...)))}
	err = l.finish(ctx, &r, began)
	after, failed := l.look()
	r.own, r.peer, r.commits = after.own-before.own, after.peer-before.peer, after.commits-before.commits
	return r, cmp.Or(err, failed)
}

// finish counts what has arrived, the warm-up left out.
func (l *load) finish(ctx context.Context, r *loadRun, began time.Time) (err error) {
	r.sent = len(r.latencies)
	last := arrival{count: r.sent + l.clients, at: time.Now()}
	if l.arrived != nil {
		last, err = l.arrived(ctx, l)
	}
	r.has, r.took = last.count-l.clients, last.at.Sub(began)
	return err
}

// until sends one message after the other and gives the time each took.
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

// one sends the next envelope; sent is false when there is none.
func (l *load) one(ctx context.Context) (took time.Duration, sent bool, err error) {
	i := int(l.next.Add(1)) - 1
	if i >= len(l.envelopes.frames) {
		return 0, false, nil
	}
	began := time.Now()
	l.answers[i], err = l.send(ctx, l.envelopes.frames[i])
	if err != nil {
		return 0, true, fmt.Errorf("message %d: %w", i+1, err)
	}
	return time.Since(began), true, nil
}

func (l *load) send(ctx context.Context, frame []byte) ([]byte, error) {
	return l.pattern.send(ctx, l.client, l.to.endpoint, frame)
}

// counts are read at the beginning and at the end of a load.
type counts struct {
	own, peer time.Duration
	commits   uint32
}

func (l *load) look() (counts, error) {
	n := counts{own: usedBy(syscall.RUSAGE_SELF)}
	var err error
	if n.peer, err = l.to.cpu(); err == nil && l.commits != nil {
		n.commits, err = l.commits()
	}
	return n, err
}
