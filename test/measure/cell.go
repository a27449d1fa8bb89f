package main

import (
	"context"
	"fmt"
)

// cell is one load of one listener, which begins with an empty queue.
type cell struct {
	serving
	cheap
	envelopes
	fill func(folder string) error // puts something into the queue beforehand; nil for nothing
}

// run gives what the load saw, once it is sure that each message was stored.
func (s *stage) run(ctx context.Context, c cell) (r loadRun, err error) {
	l, err := s.lay(c.serving)
	if err == nil && c.fill != nil {
		err = c.fill(l.state)
	}
	if err == nil {
		err = s.start(ctx, l, c.serving)
	}
	if err != nil {
		return r, err
	}
	defer l.remove()
	had, err := l.count(ctx)
	if err != nil {
		return r, err
	}
	c.cheap.curve = l.curve
	r, err = s.loadCheaply(ctx, c.cheap, len(c.envelopes.frames), l.child, l.commits)
	if err == nil {
		err = s.stored(ctx, l, c.envelopes, r.answers, had)
	}
	if err == nil && r.has != r.sent {
		err = fmt.Errorf("%d of %d messages were answered", r.has, r.sent)
	}
	r.answers = nil
	return r, err
}

// rounds takes cells in turn, again and again, so that what disturbs does not meet
// one alone.
func (s *stage) rounds(ctx context.Context, step string, n int, cells []cell) ([][]loadRun, error) {
	runs := make([][]loadRun, len(cells))
	for round := range n {
		for i, c := range cells {
			progress(step, round*len(cells)+i, n*len(cells))
			r, err := s.run(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s, %d of %d: %w", step, i+1, len(cells), err)
			}
			runs[i] = append(runs[i], r)
		}
	}
	progress(step, 1, 1)
	return runs, nil
}
