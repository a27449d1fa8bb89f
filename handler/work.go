package handler

import (
	"errors"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

const (
	// page is how many messages are read at once.
	page = 256
	// lookEvery bounds how often the queue is looked into: a crowd of commits
	// shares a look, and a lone one is seen at once.
	lookEvery = 10 * time.Millisecond
)

// run is the Runner's goroutine.
func (r *Runner) run() {
	defer close(r.ended)
	defer r.cancel()
	r.goOnWaiting()
	for !r.stopped() {
		if err := r.work(); err != nil {
			r.backOff(err)
			continue
		}
		r.untroubled()
		r.rest()
	}
	r.err = errors.Join(r.err, r.finish())
}

func (r *Runner) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// work handles what lies beyond the cursor, up to the end of the queue.
func (r *Runner) work() error {
	end, err := r.options.Reader.Counts(r.ctx)
	if err != nil {
		return err
	}
	if err := r.saveIfDue(); err != nil {
		return err
	}
	for !r.stopped() {
		messages, err := r.options.Reader.Messages(r.ctx, queue.Filter{After: r.progress.from(), Schema: r.options.Schema, Limit: page})
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			r.progress.empty = end.Last
			r.tell(func(*Status) {})
			return r.saveIfDue()
		}
		if err := r.handleAll(messages); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) handleAll(messages []queue.Message) error {
	for _, m := range messages {
		select {
		case <-r.stop:
			return nil
		case <-r.reopen:
			r.reopenHandler()
		default:
		}
		if err := r.handle(m); err != nil {
			return err
		}
		if err := r.saveIfDue(); err != nil {
			return err
		}
	}
	return nil
}

// rest waits for something to do.
func (r *Runner) rest() {
	r.await(lookEvery, nil)
	d := r.options.Poll
	if r.progress.Cursor != r.progress.saved {
		d = min(d, r.progress.untilDue())
	}
	r.await(d, r.woken)
}

// goOnWaiting waits for what the last run had still to wait after a failure:
// a listener that is restarted again and again must not use up the tries at once.
func (r *Runner) goOnWaiting() {
	p := r.progress
	if p.Tries == 0 {
		return
	}
	all := r.options.backoff(p.Tries)
	left := all - r.options.Now().Sub(p.saved.SavedAt)
	r.pause(min(left, all)) // the clock may have been set back
}

// backOff waits after a failure.
func (r *Runner) backOff(err error) {
	if r.stopped() {
		return
	}
	wait := r.options.backoff(r.count(err))
	r.tellFailure(err, wait)
	r.pause(wait)
}

// pause waits for d and says so meanwhile.
func (r *Runner) pause(d time.Duration) {
	r.tell(func(s *Status) { s.NextTry = r.options.Now().Add(d) })
	r.await(d, nil)
	r.tell(func(s *Status) { s.NextTry = time.Time{} })
}

// await waits for d, or less where one of the Runner's signals comes.
func (r *Runner) await(d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-r.reopen:
		r.reopenHandler()
	case <-r.stop:
	}
}

func (r *Runner) reopenHandler() {
	if err := r.handler.Reopen(); err != nil {
		r.log().Warn("handler could not reopen", "error", err)
	}
}

// finish leaves the cursor where the handler has come to.
func (r *Runner) finish() error {
	return errors.Join(r.save(r.progress.saveAll), r.handler.Close())
}
