package truth

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// A rest after each transaction lets a crowd of commits share the next one, and
// keeps the projector from costing more than a fifth of a processor: it is restShare
// times as long as the transaction took, and within usualRest and longestRest. Where
// somebody waits for a message, it is shortRest at most.
const (
	restShare   = 4
	shortRest   = 5 * time.Millisecond
	usualRest   = 25 * time.Millisecond // so that who sends one message after the other does not share a processor with it each time
	longestRest = 250 * time.Millisecond
)

// open opens one truth file of folder, without its lock and its goroutine.
func open(folder string, f sqlite.File, o Options) (*Truth, error) {
	if o.Schemas == nil {
		return nil, errors.New("Options.Schemas is required")
	}
	reader, err := queue.OpenReader(folder)
	if err != nil {
		return nil, err
	}
	w, err := openWriter(folder, f)
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &Truth{
		options: o.withDefaults(), folder: folder, queue: reader, writer: w, ctx: ctx, cancel: cancel,
		woken: make(chan struct{}, 1), hurried: make(chan struct{}, 1), ended: make(chan struct{}), moved: make(chan struct{}),
	}
	if err = w.setSchemas(o.Schemas); err == nil {
		t.status, err = w.status()
	}
	if err == nil {
		err = t.checkQueue(filepath.Join(folder, f.Name))
	}
	if err == nil && t.status.Position == 0 {
		err = w.recount(reader)
	}
	if err != nil {
		return nil, errors.Join(err, t.release())
	}
	return t, nil
}

// checkQueue sees that the file was made of this queue: the message applied last
// is where it was, and none left before it was applied, as it may look where
// somebody puts a copy back.
func (t *Truth) checkQueue(path string) error {
	position, id, err := t.writer.position()
	if err != nil || position == 0 {
		return err
	}
	left, err := t.queue.Pruned(t.ctx)
	if err != nil {
		return err
	}
	for _, p := range left {
		if p.Position > position {
			return fmt.Errorf("%s is older than what its queue still has (it has applied position %d, and up to %d messages of schema %s left): remove it, or run cf-messaged rebuild",
				path, position, p.Position, p.Schema)
		}
	}
	last, err := t.queue.Messages(t.ctx, queue.Filter{After: position - 1, Limit: 1})
	if err == nil && (len(last) == 0 || last[0].Position != position || last[0].MessageID != id) {
		err = fmt.Errorf("%s was made of another queue (it has applied message %s at position %d, which is not there): remove it, or run cf-messaged rebuild", path, id, position)
	}
	return err
}

// run is the projector.
func (t *Truth) run() {
	defer close(t.ended)
	for t.ctx.Err() == nil {
		t.takeOver()
		began := time.Now()
		applied, err := t.step()
		switch {
		case err != nil:
			t.fail(err)
			t.pause(t.options.Backoff, nil)
			continue
		case applied == 0:
			t.pause(min(t.options.Poll, lookEvery), t.woken)
		case applied < t.options.Batch:
			t.rest(restShare * time.Since(began))
		}
		t.recovered()
	}
}

// pause waits for d, or less where it is woken or closed.
func (t *Truth) pause(d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-t.ctx.Done():
	}
}

// rest waits for d, or for usualRest where that is longer, and less where somebody
// waits for a message.
func (t *Truth) rest(d time.Duration) {
	least := min(d, shortRest)
	t.pause(least, nil)
	t.pause(min(max(d, usualRest), longestRest)-least, t.hurried)
}

// step applies one batch, and returns how many messages it held.
func (t *Truth) step() (int, error) {
	b, err := t.gather()
	if err != nil || b.messages == 0 {
		t.forgetSubjects(err)
		return 0, err
	}
	t.writing.Lock()
	err = t.writer.apply(b)
	t.writing.Unlock()
	if err != nil {
		t.forgetSubjects(err)
		return 0, err
	}
	t.applied(b)
	return b.messages, nil
}

// forgetSubjects makes the writer read anew what the file has, after an error.
func (t *Truth) forgetSubjects(err error) {
	if err == nil {
		return
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	clear(t.writer.subjects)
}

// applied says what was passed over and what has changed, and wakes who waits.
func (t *Truth) applied(b *batch) {
	for _, s := range b.skipped {
		t.options.Log.Warn("message not in the truth", "position", s.position, "reason", s.reason)
	}
	if len(b.changes) > 0 {
		t.options.Changed(b.changes)
	}
	t.advance(b.last, int64(len(b.skipped)))
}

func (t *Truth) advance(position, skipped int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Position = position
	t.status.Skipped += skipped
	close(t.moved)
	t.moved = make(chan struct{})
}

// replaced notes that another truth has taken this one's place.
func (t *Truth) replaced(by Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Position, t.status.Skipped = by.Position, by.Skipped
	close(t.moved)
	t.moved = make(chan struct{})
}

func (t *Truth) fail(err error) {
	if t.ctx.Err() != nil {
		return // Close cut the reading off
	}
	t.mu.Lock()
	first := t.status.Trouble == ""
	t.status.Trouble = err.Error()
	t.mu.Unlock()
	if first {
		t.options.Log.Error("the truth is held up, and tried again", "error", err)
	}
}

func (t *Truth) recovered() {
	t.mu.Lock()
	was := t.status.Trouble
	t.status.Trouble = ""
	t.mu.Unlock()
	if was != "" {
		t.options.Log.Info("the truth goes on", "was", was)
	}
}
