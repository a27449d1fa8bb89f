package handler

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// failure is the error of a message that will be tried again.
type failure struct {
	message queue.Message
	tries   int
	err     error
}

func (f *failure) Error() string { return f.err.Error() }

// handle handles m, or counts a try in vain, or gives it up.
func (r *Runner) handle(m queue.Message) error {
	if r.progress.triesOf(m.Position) >= r.options.Tries {
		return r.giveUp(m) // burying failed the last time
	}
	err := r.handler.Handle(r.ctx, m)
	if err == nil {
		r.passed(m)
		return nil
	}
	if r.ctx.Err() != nil {
		r.err = cutOff(m.Position, r.handler.Name())
		return err
	}
	r.progress.failed(m.Position, err)
	r.tell(func(s *Status) { s.Failed++ })
	if IsPermanent(err) || r.progress.Tries >= r.options.Tries {
		return r.giveUp(m)
	}
	if err := r.save(r.progress.save); err != nil {
		return err
	}
	return &failure{m, r.progress.Tries, err}
}

func (r *Runner) passed(m queue.Message) {
	if tries := r.progress.triesOf(m.Position); tries > 0 {
		r.log().Info("handler goes on", "message_id", m.MessageID, "tries", tries+1)
	}
	r.progress.passed(m.Position, nil)
	r.tell(func(s *Status) { s.Handled++ })
}

// giveUp makes m a dead letter and goes on behind it.
func (r *Runner) giveUp(m queue.Message) error {
	tries, cause := r.progress.Tries, r.progress.LastError
	if err := r.options.Bury(deadLetter(m, r.handler.Name(), tries, cause)); err != nil {
		return fmt.Errorf("handler: keeping a dead letter: %w", err)
	}
	r.log().Error("handler gave a message up, it is a dead letter now", "message_id", m.MessageID, "tries", tries, "error", cause)
	r.progress.passed(m.Position, errors.New(cause))
	r.tell(func(s *Status) { s.Buried++ })
	return r.save(r.progress.save) // or it would be buried twice
}

func (r *Runner) saveIfDue() error {
	if !r.progress.due() {
		return nil
	}
	return r.save(r.progress.save)
}

func (r *Runner) save(how func() error) error {
	err := how()
	if err != nil {
		r.tell(func(*Status) {}) // the cursor may have gone back
		return err
	}
	r.untroubled()
	return nil
}

// untroubled notes that what is no message's fault works again.
func (r *Runner) untroubled() {
	r.troubles = 0
	r.tell(func(s *Status) { s.Trouble = "" })
}

// count returns how often in a row something failed as err did.
func (r *Runner) count(err error) int {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.tries
	}
	r.troubles++
	return r.troubles
}

func (r *Runner) tellFailure(err error, wait time.Duration) {
	if f, ofMessage := errors.AsType[*failure](err); ofMessage {
		r.log().Warn("handler failed, the message is tried again", "message_id", f.message.MessageID,
			"tries", f.tries, "of", r.options.Tries, "in", wait, "error", err)
		return
	}
	r.tell(func(s *Status) { s.Trouble = printable(err.Error()) })
	r.log().Warn("handler is held up, nothing is lost", "again_in", wait, "error", err)
}

// tell makes the Status what it is now.
func (r *Runner) tell(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Cursor = r.progress.Cursor
	r.status.Position = r.progress.from()
	change(&r.status)
}

func (r *Runner) log() *slog.Logger {
	return r.options.Log.With("handler", r.handler.Name(), "schema", r.options.Schema)
}
