package main

import (
	"context"
	"fmt"
	"strings"
)

// patternsFigures are signed messages by each pattern: through a listener,
// until the last one is on disk; through the same package zmq to a bare echo;
// and through the same sockets of libzmq alone.
type patternsFigures struct {
	Disk     diskFigures      `json:"disk"`
	Patterns []patternFigures `json:"patterns"`
	bytes    int
}

type patternFigures struct {
	pattern
	Listener serverFigures `json:"listener"`
	Echo     serverFigures `json:"echo"`
	Raw      spread        `json:"libzmq_messages_per_s"`
	Arrived  spread        `json:"arrived"` // share of what was sent that the queue held in the end

	ToEcho float64 `json:"listener_to_echo"`
	ToRaw  float64 `json:"listener_to_libzmq"`
}

// patternRounds are the runs of one pattern.
type patternRounds struct {
	loadRounds
	raw []float64
}

func (s *stage) measurePatterns(ctx context.Context) (patternsFigures, error) {
	var f patternsFigures
	e, err := s.signed(ctx)
	if err != nil {
		return f, err
	}
	f.bytes = len(e.frames[0])
	rounds := make([]patternRounds, len(patterns))
	var disk diskRounds
	for round := range s.PatternRounds {
		if err := disk.add(s.measureDisk()); err != nil {
			return f, err
		}
		for i, p := range patterns {
			progress("patterns", round*len(patterns)+i+1, s.PatternRounds*len(patterns)+1)
			if err := s.addPattern(ctx, p, e, &rounds[i]); err != nil {
				return f, fmt.Errorf("%s: %w", p.title(), err)
			}
		}
	}
	progress("patterns", 1, 1)
	f.Disk = disk.figures()
	for i, p := range patterns {
		f.Patterns = append(f.Patterns, rounds[i].figures(p))
	}
	return f, nil
}

// addPattern carries messages by libzmq alone, to an echo and to a new
// listener, one after the other.
func (s *stage) addPattern(ctx context.Context, p pattern, e envelopes, to *patternRounds) error {
	raw, err := s.rawRate(ctx, p, len(e.frames[0]))
	if err != nil {
		return err
	}
	echo, err := s.loadPatternEcho(ctx, p, e)
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	run, err := s.loadPattern(ctx, p, e)
	if err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	to.raw, to.echo, to.listener = append(to.raw, raw), append(to.echo, echo), append(to.listener, run)
	return nil
}

func (s *stage) loadPatternEcho(ctx context.Context, p pattern, e envelopes) (loadRun, error) {
	echo, err := s.startEcho(ctx, p)
	if err != nil {
		return loadRun{}, err
	}
	defer echo.stop()
	l := load{pattern: p, clients: p.clients(), lasts: s.pattern, to: echo, envelopes: e}
	if p.Window == 0 {
		l.arrived = echoHas
	}
	run, err := l.run(ctx)
	run.answers = nil
	return run, err
}

func (s *stage) loadPattern(ctx context.Context, p pattern, e envelopes) (loadRun, error) {
	to, err := s.startListener(ctx, p.Name, "")
	if err != nil {
		return loadRun{}, err
	}
	defer to.remove()
	l := load{pattern: p, clients: p.clients(), lasts: s.pattern, to: to.child, envelopes: e, commits: to.commits}
	if p.Window == 0 {
		l.arrived = to.has
	}
	run, err := l.run(ctx)
	if err == nil && p.Window > 0 {
		err = s.allStored(ctx, to, e, run.answers)
	}
	run.answers = nil
	return run, err
}

func (r patternRounds) figures(p pattern) patternFigures {
	var arrived []float64
	for _, run := range r.listener {
		arrived = append(arrived, float64(run.has)/float64(run.sent))
	}
	f := patternFigures{
		pattern: p, Listener: serverFiguresOf(r.listener), Echo: serverFiguresOf(r.echo), Raw: spreadOf(r.raw), Arrived: spreadOf(arrived),
	}
	f.ToEcho, f.ToRaw = f.Listener.Rate.Median/f.Echo.Rate.Median, f.Listener.Rate.Median/f.Raw.Median
	return f
}

func (f patternsFigures) write(b *strings.Builder, m machine) {
	fmt.Fprintf(b, "\n4. Signed messages of %d bytes by each pattern, one sender; %d rounds\n", f.bytes, f.Disk.Rate.N)
	for _, p := range f.Patterns {
		p.write(b, f.Disk, m.OtherCores)
	}
	b.WriteString("\n")
	row(b, "disk: 4 KiB appended and fdatasync", f.Disk.Rate.text(0)+"/s", fmt.Sprintf("p50 %.0f, p99 %.0f µs", f.Disk.P50.Median, f.Disk.P99.Median))
}

func (p patternFigures) write(b *strings.Builder, disk diskFigures, others float64) {
	fmt.Fprintf(b, "\n   %s\n", p.title())
	row(b, "listener, until the last is on disk", p.Listener.Rate.text(0)+"/s", "arrived: "+p.Arrived.text(3))
	row(b, "zmq of this project, bare", p.Echo.Rate.text(0)+"/s", "listener / it: "+fmt.Sprintf("%.3f", p.ToEcho))
	row(b, "libzmq alone, in C", p.Raw.text(0)+"/s", "listener / it: "+fmt.Sprintf("%.3f", p.ToRaw))
	row(b, "CPU µs: listener, load", p.Listener.CPU.text(1), p.Listener.Load.text(1))
	row(b, "cores used, messages a commit", p.Listener.Cores.text(2), fmt.Sprintf("%.1f", p.Listener.Rate.Median/p.Listener.Commit.Median))
	fmt.Fprintf(b, "   %s.\n", p.bound(disk, others))
}

// bound names what keeps the listener's rate from being higher.
func (p patternFigures) bound(disk diskFigures, others float64) string {
	if p.Window != 1 {
		return p.Listener.bound(disk, others)
	}
	return fmt.Sprintf("Bound by one turn after the other: p50 %.0f µs, of which the echo's turn %.0f and an fdatasync %.0f",
		p.Listener.P50.Median, p.Echo.P50.Median, disk.P50.Median)
}
