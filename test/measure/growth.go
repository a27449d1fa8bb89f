package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// growthFigures are the same messages to listeners that hold more and more
// already. The aim: at 10^7 a message costs at most 1.2 times what it does at 10^4.
type growthFigures struct {
	Messages int             `json:"messages"` // measured at each size, in all rounds
	Sizes    []grownListener `json:"sizes"`
}

type grownListener struct {
	Stored int     `json:"stored"`
	Fill   float64 `json:"filled_per_s"` // straight into the queue
	MiB    float64 `json:"disk_mib"`
	serverFigures
	CPURatio  float64 `json:"cpu_to_smallest"` // median of the rounds' ratios
	TimeRatio float64 `json:"time_to_smallest"`
}

// grown is a listener that was filled.
type grown struct {
	grownListener
	*listener
	runs []loadRun
}

func (s *stage) measureGrowth(ctx context.Context) (f growthFigures, err error) {
	e, err := s.signed(ctx)
	if err != nil {
		return f, err
	}
	all := make([]*grown, len(s.Stored))
	for i, n := range s.Stored {
		if all[i], err = s.grow(ctx, n); err != nil {
			return f, fmt.Errorf("%d messages: %w", n, err)
		}
		defer all[i].remove()
	}
	each := min(len(e.frames), growthMost) / growthRounds
	for round := range growthRounds {
		if err := s.growthRound(ctx, all, e.part(round*each, each)); err != nil {
			return f, err
		}
	}
	f.Messages = growthRounds * each
	for _, g := range all {
		g.serverFigures = serverFiguresOf(g.runs)
		g.CPURatio = medianRatio(g.runs, all[0].runs, func(r loadRun) float64 { return float64(r.peer) })
		g.TimeRatio = medianRatio(g.runs, all[0].runs, func(r loadRun) float64 { return float64(r.took) })
		f.Sizes = append(f.Sizes, g.grownListener)
	}
	return f, nil
}

const (
	growthRounds = 5
	growthMost   = 25_000
)

// grow fills a queue, has the truth follow, and starts a listener on both.
func (s *stage) grow(ctx context.Context, n int) (g *grown, err error) {
	l, err := s.lay(serving{})
	if err != nil {
		return nil, err
	}
	t, err := s.openTruthStageIn(l.state)
	if err != nil {
		return nil, err
	}
	filled, err := t.fill(n)
	if err == nil {
		err = t.followed(ctx)
	}
	if err = errors.Join(err, t.queue.Close()); err != nil {
		return nil, err
	}
	g = &grown{listener: l, grownListener: grownListener{Stored: n, Fill: filled.Rate}}
	if g.MiB, err = sizeOf(l.state); err != nil {
		return nil, err
	}
	return g, s.start(ctx, l, serving{})
}

// followed returns once the truth has all that is in the queue.
func (t *truthStage) followed(ctx context.Context) error {
	is, err := t.open()
	if err != nil {
		return err
	}
	return errors.Join(is.WaitFor(ctx, int64(t.said)), is.Close())
}

// sizeOf is what a folder's files take, in MiB.
func sizeOf(folder string) (mib float64, err error) {
	files, err := os.ReadDir(folder)
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			return 0, err
		}
		mib += float64(info.Size()) / (1 << 20)
	}
	return mib, err
}

// growthRound sends the same to all of them, one after the other.
func (s *stage) growthRound(ctx context.Context, all []*grown, e envelopes) error {
	file, err := s.writeFrames("growth", e.frames)
	if err != nil {
		return err
	}
	for i, g := range all {
		progress("growth", len(g.runs)*len(all)+i, growthRounds*len(all))
		had, err := g.count(ctx)
		if err != nil {
			return err
		}
		c := cheap{frames: file, connections: 256, window: 256, warm: min(256, len(e.frames)/4), lasts: patience}
		r, err := s.loadCheaply(ctx, c, len(e.frames), g.child, g.commits)
		if err == nil {
			err = s.stored(ctx, g.listener, e, r.answers, had)
		}
		if err != nil {
			return fmt.Errorf("%d messages: %w", g.Stored, err)
		}
		r.answers = nil
		g.runs = append(g.runs, r)
	}
	progress("growth", 1, 1)
	return nil
}

// medianRatio sets rounds beside the same rounds of something else.
func medianRatio(of, to []loadRun, figure func(loadRun) float64) float64 {
	var all []float64
	for i := range of {
		all = append(all, figure(of[i])/figure(to[i])*float64(to[i].has)/float64(of[i].has))
	}
	return spreadOf(all).Median
}

func (f growthFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n13. The same %d messages, 256 under way, to listeners that hold more and more\n\n", f.Messages)
	columns(b, "messages stored", "messages/s", "CPU µs", "p50 µs", "p99 µs", "CPU / smallest", "time / smallest", "peak MiB", "MiB on disk", "filled, /s")
	for _, g := range f.Sizes {
		columns(b, fmt.Sprint(g.Stored), g.Rate.text(0), g.CPU.text(1), fmt.Sprintf("%.0f", g.P50.Median), fmt.Sprintf("%.0f", g.P99.Median),
			ratio(g.CPURatio), ratio(g.TimeRatio), fmt.Sprintf("%.0f", g.Memory.Median), fmt.Sprintf("%.0f", g.MiB), fmt.Sprintf("%.0f", g.Fill))
	}
	row(b, "aim: CPU / smallest at 10^7", "1.20", "")
}
