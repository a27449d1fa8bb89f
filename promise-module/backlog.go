package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webhuis/cfengine-messages/promise"
)

// Bounds of what a run does for messages that waited.
const (
	resendPart = 3              // of run_limit, at most, while promises are evaluated and after
	resenders  = maxFlights / 2 // at once to one target; the rest is for what is new
	maxInVain  = 8              // failures in a row after which a target is given up for this run
)

// takeUpBacklog sends what earlier runs left, the most urgent first: receipts
// that came too late for them, and messages that nobody took. That goes on while
// promises are evaluated, for each target by itself, and ends after its part of
// the run's time, so that neither waits for the other.
func (m *messages) takeUpBacklog(s settings) {
	all, strange, err := outboxEntries(m.work.state())
	if err != nil {
		m.flights.tell(promise.Error("Outbox: " + err.Error()))
	}
	for _, name := range strange {
		m.flights.tell(promise.Error("Outbox: " + outboxFolder(m.work.state()) + "/" + name + " is no message: look at it, and remove it"))
	}
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(m.flights.ctx, s.runLimit/resendPart)
	all, err = m.dropExpired(ctx, all)
	n, err2 := readNotes(m.work.state())
	for _, err := range []error{err, err2} {
		if err != nil {
			m.flights.tell(promise.Error("Outbox: " + err.Error()))
		}
	}
	var targets sync.WaitGroup
	for _, b := range m.backlogs(all, n) {
		targets.Go(func() { b.resend(ctx) })
	}
	m.flights.going.Go(func() { targets.Wait(); cancel() })
}

// backlog is what waits for one target.
type backlog struct {
	m      *messages
	target string
	items  []*item // in order
	probe  int     // the one that tries first
	failed int     // runs in a row in which the target took nothing

	mu     sync.Mutex
	next   int
	inVain atomic.Int32
}

func (m *messages) backlogs(all []entry, n notes) []*backlog {
	var order []*backlog
	of := map[string]*backlog{}
	for _, e := range all {
		b := of[e.target]
		if b == nil {
			b = &backlog{m: m, target: e.target, failed: n.Failed[e.target]}
			of[e.target], order = b, append(order, b)
		}
		b.items = append(b.items, m.flights.item(e))
		// The least tried one is the probe: one that never arrives, whatever its
		// reason, must not keep the others from being tried.
		if n.Tried[e.name].Times < n.Tried[b.items[b.probe].name].Times {
			b.probe = len(b.items) - 1
		}
	}
	return order
}

// resend tries one message, and sends the others where that arrives.
func (b *backlog) resend(ctx context.Context) {
	arrived, reached := b.tryOne()
	if reached {
		b.m.flights.noteTarget(b.target, arrived)
	}
	if arrived && wait(ctx, resumeAfter(b.m.jitter(), b.failed)) {
		var senders sync.WaitGroup
		for range min(resenders, len(b.items)) {
			senders.Go(func() { b.sendOn(ctx) })
		}
		senders.Wait()
	}
	b.m.flights.leave(b.untaken())
}

func (b *backlog) untaken() (n int) {
	b.m.flights.mu.Lock()
	defer b.m.flights.mu.Unlock()
	for _, it := range b.items {
		if !it.taken {
			n++
		}
	}
	return n
}

// tryOne sends the probe, or the first that can be sent: what is damaged, or with
// another agent, says nothing of the target, and reached is false where all are.
func (b *backlog) tryOne() (arrived, reached bool) {
	probe := b.items[b.probe]
	b.items = slices.Insert(slices.Delete(b.items, b.probe, b.probe+1), 0, probe)
	for _, it := range b.items {
		arrived = b.send(it)
		if it.came.id != "" {
			return arrived, true
		}
	}
	return false, false
}

// sendOn sends one after another until none is left, time is over, or the
// target takes no more.
func (b *backlog) sendOn(ctx context.Context) {
	for ctx.Err() == nil && b.inVain.Load() < maxInVain {
		b.mu.Lock()
		i := b.next
		b.next++
		b.mu.Unlock()
		if i >= len(b.items) {
			return
		}
		b.send(b.items[i])
	}
}

// send delivers an item that nobody has taken yet, and tells whether its target
// answered. Time that is over ends no delivery that is under way.
func (b *backlog) send(it *item) bool {
	if !b.m.flights.take(it) {
		<-it.landed // its promise is at it
		return it.came.err == nil
	}
	came := b.m.fly(it, true)
	switch {
	case came.err == nil:
		b.inVain.Store(0)
	case came.id != "": // else it is damaged, or with another agent
		b.inVain.Add(1)
	}
	return came.err == nil
}

// wait waits, unless time is over before.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
