package main

import (
	"fmt"
)

// bounds tell what keeps the rate of a load from being higher, and how that is
// reckoned. others is how many cores other programs kept busy.
func (l loadFigures) bounds(f ingestFigures, others float64) []string {
	s := l.Listener
	says := []string{
		fmt.Sprintf("%.2f of the echo's rate; %.2f of the disk's fdatasyncs, %.1f messages a commit.",
			s.Rate.Median/l.Echo.Rate.Median, s.Commit.Median/f.Disk.Rate.Median, s.Rate.Median/s.Commit.Median),
		l.listenerParts(f),
	}
	if l.Clients == 1 {
		return append(says, l.oneTurn(f))
	}
	return append(says, l.bound(f, others))
}

// listenerParts shares out the listener's processor time.
func (l loadFigures) listenerParts(f ingestFigures) string {
	all, echo := l.Listener.CPU.Median, l.Echo.CPU.Median
	return fmt.Sprintf("Listener's %.1f CPU µs: open %.1f, validate %.1f, seal %.1f, zmq (the echo) %.1f, queue and all else %.1f.",
		all, f.Parts.Open, f.Parts.Validate, f.Parts.Seal, echo, all-f.Parts.sum()-echo)
}

// oneTurn adds up what a client that is alone waits for.
func (l loadFigures) oneTurn(f ingestFigures) string {
	sum := l.Echo.P50.Median + f.Disk.P50.Median + f.Parts.sum()
	return fmt.Sprintf("Bound by one turn after the other: echo %.0f + fdatasync %.0f + open, validate, seal %.0f = %.0f µs; p50 is %.0f.",
		l.Echo.P50.Median, f.Disk.P50.Median, f.Parts.sum(), sum, l.Listener.P50.Median)
}

// bound names what is used up, and what the listener could do if the load took
// no processor time from it.
func (l loadFigures) bound(f ingestFigures, others float64) string {
	s, n := l.Listener, float64(cores())
	both := s.CPU.Median + s.Load.Median
	return fmt.Sprintf("%s: listener %.1f + load %.1f CPU µs on %d cores allow %.0f/s; to the listener alone they allow %.0f/s.",
		s.bound(f.Disk, others), s.CPU.Median, s.Load.Median, cores(), n*1e6/both, n*1e6/s.CPU.Median)
}

// bound names what a server and its load use up.
func (s serverFigures) bound(disk diskFigures, others float64) string {
	n := float64(cores())
	switch {
	case s.Cores.Median > 0.85*n:
		return "Bound by the processors"
	case s.Cores.Median+others > 0.85*n:
		return "Bound by the processors, of which other programs took their part"
	case s.Commit.Median > 0.7*disk.Rate.Median:
		return "Bound by the disk"
	}
	return "Bound neither by the processors nor by the disk alone"
}
