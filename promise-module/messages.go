package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/zmq"
)

// messages is the promise type: one promise in, one outcome out. It lives as
// long as the agent's run, and so do its connections.
type messages struct {
	work         workDir
	defaultsFile string
	schemas      func() (*schemas.Registry, error)
	client       *zmq.Client
	now          func() time.Time

	flights  *flights // deliveries that the promises do not wait for
	sequence *sequence

	last *validated // nil unless the promise that is evaluated next may be it

	certs message.Certs // that receipts were proved by in this run

	keys  sync.Mutex                            // guards what follows: flights look for keys too
	own   *hostkey.Pair                         // read when the first envelope is sealed
	found map[hostkey.Digest]*hostkey.PublicKey // keys looked for in this run; nil where there is none
}

// Validate checks everything that can be checked before anything is sent.
func (m *messages) Validate(_ context.Context, p promise.Promise) error {
	j, err := m.newJob(p)
	m.last = nil
	if err == nil {
		j.ahead = m.sealAhead(j, p)
		m.last = &validated{promise: p, job: j}
	}
	return err
}

// Evaluate keeps the promise: it sends the message unless the listener holds
// its content already, and says what came of it.
func (m *messages) Evaluate(ctx context.Context, p promise.Promise) promise.Outcome {
	j, err := m.remembered(p)
	if err != nil {
		return promise.NotKept(err.Error())
	}
	if at, held := m.holds(j); held {
		if o, repaired := m.provideAgain(ctx, j, p.WarnOnly); repaired {
			return o
		}
		return promise.Kept().WithClasses(j.class("kept")).With(promise.Verbose(fmt.Sprintf(
			"Message %s: %s since %s", j.promiser, j.keptText(), at.Format(time.RFC3339))))
	}
	if p.WarnOnly {
		return promise.Warned(fmt.Sprintf("Message %s should be sent to %s", j.promiser, strings.Join(j.endpoints(), " or ")))
	}
	m.flights.resend.Do(m.resendWaiting)
	return j.outcome(m.send(ctx, j))
}

// holds tells whether there is nothing to send.
func (m *messages) holds(j job) (since time.Time, held bool) {
	if j.repeat != repeatChanged {
		return time.Time{}, false
	}
	return holds(m.work.state(), j, m.now())
}

// sent is what became of a promise that had something to send.
type sent struct {
	id      string // of the message, of the last one where there are several
	of      int    // messages that the promise says
	done    int    // of them handed over
	queued  bool   // on its way while the run goes on
	answer  answer
	took    time.Duration
	newView bool  // the view of the receipt differs from the one on disk
	aside   error // it was delivered, but something on this node failed
	err     error // not delivered
}

// send makes what the promise says and delivers it within the promise's
// bound. Whatever may wait, for a key, a lock, a name or a listener, waits
// within it.
func (m *messages) send(ctx context.Context, j job) sent {
	if j.pattern == patternAsync && j.repeat == repeatChanged && m.flights.held[contentKey(j)] {
		return sent{queued: true} // an earlier run's message says the same, and is on its way
	}
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	began := time.Now()
	parcels, err := m.pack(ctx, j)
	s := sent{of: len(parcels), err: err}
	for _, p := range parcels {
		s.id = p.id
		if j.pattern == patternAsync {
			s.queued, s.err = true, m.depart(j, p)
		} else {
			s.answer, s.err = m.carry(ctx, j, p)
		}
		if s.err != nil || s.answer.receipt.Status == message.Refused {
			break
		}
		s.done++
	}
	s.took = time.Since(began)
	if s.done < s.of || s.err != nil || s.queued {
		return s
	}
	s.newView, s.aside = m.settle(ctx, j, s.answer.receipt.View)
	return s
}

// settle keeps what came back and notes the delivery, in this order: where the
// view is lost, the next run shall ask for it again. What is provided is made of
// the view on disk, which needs no other delivery.
func (m *messages) settle(ctx context.Context, j job, view *message.View) (newView bool, err error) {
	if view != nil {
		if newView, err = writeView(j.replyFile, view.Data); err != nil {
			return false, fmt.Errorf("its view could not be written, so the next run sends it again: %w", err)
		}
	}
	note := func() error { return remember(m.work.state(), j, view != nil, m.now()) }
	if j.repeat == repeatAlways { // nobody will ask what was delivered last
		note = func() error { return forget(m.work.state(), j) }
	}
	if err := note(); err != nil {
		return newView, fmt.Errorf("that could not be noted, so the next run sends it again: %w", err)
	}
	if j.provide {
		if _, err := m.provide(ctx, j, true); err != nil {
			return newView, fmt.Errorf("its view is not provided: %w", err)
		}
	}
	return newView, nil
}

// maxDefaults bounds messages.json.
const maxDefaults = 1 << 20

// defaults reads messages.json, which need not be there. It is read for each
// promise: policy may put it in the same run.
func (m *messages) defaults() (map[string]json.RawMessage, error) {
	data, err := os.ReadFile(m.defaultsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := message.CheckJSON(data, message.Limits{Size: maxDefaults, Depth: message.DefaultLimits.Depth}); err != nil {
		return nil, fmt.Errorf("%s: %w", m.defaultsFile, err)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil || given == nil {
		return nil, fmt.Errorf(`%s: expected an object of attributes, such as {"to": "tcp://hub.example.com:5309"}`, m.defaultsFile)
	}
	return given, nil
}
