package main

import (
	"context"
	"sync"
	"time"
)

// maxSequence is the largest number that an envelope carries (message.Header).
const maxSequence = 1<<53 - 1

// maxLease bounds the numbers that a run takes in advance: what a power failure
// in the middle of it can show as a gap.
const maxLease = 1000

// sequence gives the numbers of the sender's counters, one for each schema
// (DESIGN.md section 4, seq). No number is used twice by two agents, or after a
// kill or a power failure; one that was taken and not sent shows as a gap, which
// is the honest side to err on.
//
// A run's first number of a schema is on disk before it is used. With those that
// follow it takes a lease: the end of it is on disk, and the numbers below it are
// counted in memory that outlives processes (see ledger). So a run pays for a few
// fsyncs, however much it says, and the numbers are exact whoever is killed. Only
// where the power fails in the middle of a run, the rest of its lease is lost.
type sequence struct {
	state string // folder
	boot  string // the id of this boot of the system; where it is unknown there are no leases

	turn   chan struct{} // has room for the one who uses the ledger
	ledger *ledger       // nil until it is used, and after a failure

	mu    sync.Mutex
	taken map[string]taken // in this run, by schema
}

type taken struct {
	numbers uint64
	last    uint64 // of them
}

func newSequence(state string) *sequence {
	return &sequence{state: state, boot: bootID(), turn: make(chan struct{}, 1), taken: map[string]taken{}}
}

// next takes the next n numbers of a schema, starting with 1, and gives the
// first of them.
func (s *sequence) next(ctx context.Context, schema string, n int) (first uint64, err error) {
	err = s.locked(ctx, func(l *ledger) error {
		now := l.count(schema)
		first = now.Last + 1
		now.Last += uint64(n)
		if now.Last > now.End {
			now.End = now.Last
			if more := s.lease(schema); l.mayLease(schema) && now.End+more < maxSequence {
				now.End += more
			}
		}
		if err := l.write(map[string]count{schema: now}); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken[schema] = taken{numbers: s.taken[schema].numbers + uint64(n), last: now.Last}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return first, nil
}

// locked has use see the counters as they are, alone of all agents and of all
// goroutines of this one.
func (s *sequence) locked(ctx context.Context, use func(*ledger) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := s.enter(ctx)
	if err != nil {
		return err
	}
	if err = use(s.ledger); err == nil {
		err = s.ledger.leave()
	}
	if err != nil { // what it holds by now may not be what is on disk
		s.close()
	}
	return err
}

// enter locks the ledger, opened anew where another agent would not see this one.
func (s *sequence) enter(ctx context.Context) (err error) {
	if s.ledger != nil {
		if err = s.ledger.enter(ctx); err == nil && s.ledger.stands() {
			return nil
		}
		s.close()
		if err != nil {
			return err
		}
	}
	s.ledger, err = openLedger(ctx, s.state, s.boot)
	return err
}

func (s *sequence) close() {
	s.ledger.close()
	s.ledger = nil
}

// expected is the number that comes next, unless another agent takes it; 0 where
// this run knows of none. It takes nothing.
func (s *sequence) expected(schema string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.taken[schema]; t.numbers > 0 && t.last < maxSequence {
		return t.last + 1
	}
	return 0
}

// lease is how much is taken in advance: four times what the run has taken,
// none for a run that says one thing.
func (s *sequence) lease(schema string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(4*s.taken[schema].numbers, maxLease)
}

// lastLook bounds the wait for another agent at the end of the run.
const lastLook = time.Second

// giveBack ends the leases of what this run has counted. Where it fails, the
// next run does so.
func (s *sequence) giveBack() error {
	s.mu.Lock()
	counted := sortedKeys(s.taken)
	clear(s.taken)
	s.mu.Unlock()
	if len(counted) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastLook)
	defer cancel()
	defer s.end()
	return s.locked(ctx, func(l *ledger) error {
		ended := map[string]count{}
		for _, schema := range counted {
			if c := l.count(schema); c.End > c.Last {
				ended[schema] = count{Last: c.Last, End: c.Last}
			}
		}
		return l.write(ended)
	})
}

// end closes what a run kept open.
func (s *sequence) end() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.ledger != nil {
		s.close()
	}
}
