package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/truth"
)

// catchUp bounds how long a command waits for the truth to hold what was in the
// queue when the command began.
const catchUp = 2 * time.Second

// withTruth opens the truth of the configured state for reading, once it has
// caught up with the queue; where it does not, that is told.
func withTruth(c *cobra.Command, f *flags, use func(*truth.Reader) error) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	r, err := truth.OpenReader(config.State)
	if err != nil {
		return permitted(err, config.State)
	}
	behind, err := waitForTruth(c.Context(), config.State, r)
	if err == nil && behind > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "the truth lacks the newest %d messages of the queue: start the listener, or run cf-messaged rebuild\n", behind)
	}
	if err == nil {
		err = use(r)
	}
	return errors.Join(err, r.Close())
}

// waitForTruth returns how many messages the truth is behind in the end.
func waitForTruth(ctx context.Context, state string, r *truth.Reader) (behind int64, err error) {
	q, err := queue.OpenReader(state)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	counts, err := q.Counts(ctx)
	if err := errors.Join(err, q.Close()); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(catchUp); ; time.Sleep(5 * time.Millisecond) {
		applied, err := r.Applied(ctx)
		if err != nil || applied >= counts.Last {
			return 0, err
		}
		if time.Now().After(deadline) {
			return counts.Last - applied, nil
		}
	}
}

// truthOf tells what the truth made of a message, and why it was passed over.
func truthOf(ctx context.Context, state string, m queue.Message) (truth.State, string, error) {
	r, err := truth.OpenReader(state)
	if errors.Is(err, fs.ErrNotExist) {
		return truth.Pending, "", nil
	}
	if err != nil {
		return "", "", permitted(err, state)
	}
	s, reason, err := r.State(ctx, m.Position)
	return s, reason, errors.Join(err, r.Close())
}
