package main

import (
	"context"
	"fmt"
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
	client       *zmq.Client // of listeners without CURVE
	now          func() time.Time

	flights  *flights // deliveries that the promises do not wait for
	sequence *sequence
	epochs   *epochs
	room     room          // in the outbox
	limit    time.Duration // of all that the run does for messages
	spent    time.Duration // of it

	last *validated // nil unless the promise that is evaluated next may be it

	certs message.Certs // that receipts were proved by in this run

	keys   sync.Mutex                            // guards what follows: flights look for keys too
	own    *hostkey.Pair                         // read when the first envelope is sealed
	found  map[hostkey.Digest]*hostkey.PublicKey // keys looked for in this run; nil where there is none
	curved map[string]*curveClient               // of listeners with CURVE, by their keys
	asked  map[string]bool                       // listeners that were asked to trust this host, by their endpoints
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
	if !p.WarnOnly {
		m.limit = j.runLimit
		m.flights.takeUp.Do(func() { m.takeUpBacklog(j.settings) })
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
	return j.outcome(m.send(ctx, j))
}

// holds tells whether there is nothing to send.
func (m *messages) holds(j job) (since time.Time, held bool) {
	if j.repeat != repeatChanged {
		return time.Time{}, false
	}
	last, held := holds(m.work.state(), j, m.now())
	return last.At, held && !m.epochs.passed(last.store)
}
