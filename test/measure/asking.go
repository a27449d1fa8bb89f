package main

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
)

// viewFigures are of hosts that are told their host_context, one at a time.
type viewFigures struct {
	Views int     `json:"views"`
	Bytes float64 `json:"bytes"` // of one, on average
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
}

// arrivalFigures are of messages that came meanwhile.
type arrivalFigures struct {
	Wanted float64 `json:"wanted_per_s"`
	Rate   float64 `json:"stored_per_s"`
	Lag    float64 `json:"truth_lag_ms"` // of the last one, behind its commit
}

// arriving is how many messages come in a second while views are asked for.
const arriving = 5000

// measureViews asks for host_context alone, while messages arrive, and by all
// processors at once.
func (t *truthStage) measureViews(ctx context.Context, lasts time.Duration, f *truthFigures) (err error) {
	set, err := view.Load("")
	if err != nil {
		return err
	}
	r := view.NewRunner(set, view.Options{Open: func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, t.folder) }})
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err = t.askAll(ctx, r, lasts/4); err != nil { // what is compiled and read once, is
		return err
	}
	if f.Idle, err = t.ask(ctx, r, lasts); err != nil {
		return err
	}
	if f.Both, err = t.askAll(ctx, r, lasts); err != nil {
		return err
	}
	f.Arrival, f.Arriving, err = t.askUnderArrival(ctx, r, lasts)
	return err
}

// ask asks for the views of any hosts for a while, one after the other.
func (t *truthStage) ask(ctx context.Context, r *view.Runner, lasts time.Duration) (f viewFigures, err error) {
	var took []float64
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		host := t.hosts[mathrand.IntN(len(t.hosts))]
		began := time.Now()
		data, err := r.Run(ctx, "host_context", host, nil)
		if err != nil {
			return f, err
		}
		took = append(took, microseconds(time.Since(began)))
		f.Bytes += float64(len(data))
	}
	slices.Sort(took)
	f.Views, f.Bytes = len(took), f.Bytes/float64(len(took))
	f.P50, f.P99 = quantile(took, 0.50), quantile(took, 0.99)
	return f, nil
}

// askAll gives the views a second that all processors make.
func (t *truthStage) askAll(ctx context.Context, r *view.Runner, lasts time.Duration) (rate float64, err error) {
	var mu sync.Mutex
	views := 0
	var g errgroup.Group
	for range cores() {
		g.Go(func() error {
			f, err := t.ask(ctx, r, lasts)
			mu.Lock()
			defer mu.Unlock()
			views += f.Views
			return err
		})
	}
	began := time.Now()
	err = g.Wait()
	return float64(views) / time.Since(began).Seconds(), err
}

func (t *truthStage) askUnderArrival(ctx context.Context, r *view.Runner, lasts time.Duration) (f viewFigures, a arrivalFigures, err error) {
	is, err := t.open()
	if err != nil {
		return f, a, err
	}
	defer func() { err = errors.Join(err, is.Close()) }()
	t.wake = is.Wake
	defer func() { t.wake = func() {} }()
	come, err := t.make(t.any, 0, int(arriving*lasts.Seconds()))
	if err != nil {
		return f, a, err
	}
	var g errgroup.Group
	g.Go(func() (err error) {
		a, err = t.arrive(ctx, is, come)
		return err
	})
	f, err = t.ask(ctx, r, lasts)
	return f, a, errors.Join(err, g.Wait())
}

// arrive puts what is due, each two milliseconds.
func (t *truthStage) arrive(ctx context.Context, is *truth.Truth, come []queue.Message) (a arrivalFigures, err error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for put := 0; put < len(come); <-tick.C {
		due := min(int(time.Since(began).Seconds()*arriving), len(come))
		if err := t.putAll(come[put:due]); err != nil {
			return a, err
		}
		put = due
	}
	a = arrivalFigures{Wanted: arriving, Rate: float64(len(come)) / time.Since(began).Seconds()}
	stored := time.Now()
	err = is.WaitFor(ctx, int64(t.said))
	a.Lag = milliseconds(time.Since(stored))
	return a, err
}
