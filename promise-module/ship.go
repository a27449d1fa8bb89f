package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// sent is what became of a promise that had something to send.
type sent struct {
	id      string // of the message, of the last one where there are several
	of      int    // messages that the promise says
	done    int    // of them handed over
	queued  bool   // on its way while the run goes on
	held    bool   // another agent of this host delivered it meanwhile
	waits   int    // in the outbox
	unkept  error  // why it does not wait there, though it should
	answer  answer
	took    time.Duration
	newView bool  // the view of the receipt differs from the one on disk
	aside   error // it was delivered, but something on this node failed
	err     error // not delivered
}

// maxKeeping bounds what this host does for a promise beside the way to the
// listener: making messages when the run's time is over, for they still go into
// the outbox, and noting what came of them, for which locks may be waited for.
const maxKeeping = 5 * time.Second

// runLeft is the time that this run has left for messages.
func (m *messages) runLeft() time.Duration {
	if m.limit == 0 { // no promise was evaluated
		return usualSettings.runLimit
	}
	return m.limit - m.spent
}

// send makes what the promise says and delivers it within the promise's bound,
// and the run's. Whatever may wait, for a key, a lock, a name or a listener,
// waits within it.
func (m *messages) send(ctx context.Context, j job) sent {
	began := time.Now()
	m.flights.tidy.Do(func() { sweep(m.work.state(), m.now()) })
	limited, cancel := j.bounded(ctx)
	defer cancel()
	if left := m.runLeft(); j.runLimit > 0 && left < j.bound() {
		limited, cancel = context.WithTimeoutCause(limited, left, errRunOver)
		defer cancel()
	}
	s, waited := m.sendWaiting(limited, j)
	if !waited {
		ctx, cancel := context.WithTimeout(ctx, j.bound()+maxKeeping)
		defer cancel()
		s = m.sendNew(ctx, limited, j)
	}
	s.took = time.Since(began)
	m.spent += s.took
	return s
}

// sendWaiting delivers the message of the outbox that says the same already,
// where there is one: under changed the same is said once. waited is false where
// a new message is to be made.
func (m *messages) sendWaiting(ctx context.Context, j job) (s sent, waited bool) {
	it := m.flights.ofPromise(j.identity())
	if j.repeat != repeatChanged || it == nil {
		return s, false
	}
	if !m.saysSame(it.entry, j) { // or it has left meanwhile
		_, held := m.holds(j)
		return sent{held: held}, held
	}
	first := m.flights.take(it)
	if j.pattern == patternAsync {
		if first {
			m.flyOff(it)
		}
		return sent{queued: true}, true
	}
	gone := false
	if first {
		gone = m.arriveSoon(ctx, it)
		close(it.landed)
	}
	select {
	case <-it.landed:
	case <-ctx.Done():
		// What has landed by then, as at the end of the promise's own attempts, says more.
		if _, landed := it.arrived(); !landed {
			return sent{of: 1, waits: 1, err: context.Cause(ctx)}, true
		}
	}
	if !first && errors.Is(it.came.err, errTaken) { // what takes up the backlog waits for no other agent
		it = &item{entry: it.entry}
		gone = m.arriveSoon(ctx, it)
	}
	switch {
	case gone:
		_, held := m.holds(j)
		return sent{held: held}, held
	case errors.Is(it.came.err, errTaken):
		return sent{of: 1, waits: 1, err: context.Cause(ctx)}, true
	case it.came.id == "":
		m.flights.tell(promise.Error("Outbox: " + it.came.err.Error()))
		return s, false
	case it.came.err != nil && first:
		m.flights.inVain(it.entry, "", it.came.err)
	}
	return it.came.sent(), true
}

// saysSame tells whether a waiting message is what the job would send now.
func (m *messages) saysSame(e entry, j job) bool {
	w, err := readWaiting(e.file(m.work.state()))
	if err != nil {
		return false
	}
	its, _, err := w.job()
	if err != nil {
		return false
	}
	now := m.now()
	a, err := its.memory(delivered{At: now})
	b, err2 := j.memory(delivered{At: now})
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

func (a arrival) sent() sent {
	s := sent{id: a.id, of: 1, answer: a.answer, newView: a.newView, aside: a.aside, err: a.err}
	switch {
	case a.err != nil:
		s.waits = 1
	case a.answer.receipt.Status != message.Refused:
		s.done = 1
	}
	return s
}

// sendNew makes the messages and sends them, within the time of ctx. What could
// not be sent goes into the outbox, unless the agent is gone, which ends parent:
// nobody was told anything then.
func (m *messages) sendNew(parent, ctx context.Context, j job) sent {
	made := m.now()
	parcels, err := m.make(parent, ctx, j)
	s := sent{of: len(parcels), err: err}
	if err != nil {
		return s
	}
	s.id = parcels[0].id
	if j.pattern == patternAsync {
		s.err = m.depart(parent, j, parcels)
		s.queued = s.err == nil
		return s
	}
	var older []entry
	if m.flights.ofPromise(j.identity()) != nil {
		older, s.aside = m.waitingOf(j)
	}
	m.sendAll(ctx, j, parcels, &s)
	switch {
	case s.err != nil && !errors.Is(parent.Err(), context.Canceled):
		kept, err := m.putBy(parent, j, parcels[s.done:], s.err)
		s.waits, s.unkept = len(kept), err
	case s.err == nil && s.answer.receipt.Status != message.Refused:
		newView, err := m.settle(parent, j, s.answer, made)
		s.newView, s.aside = newView, errors.Join(s.aside, err, m.supersede(older))
	}
	return s
}

// make makes the messages, also when there is no time to send them.
func (m *messages) make(parent, ctx context.Context, j job) ([]parcel, error) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(parent, maxKeeping)
		defer cancel()
	}
	parcels, err := m.pack(ctx, j)
	if err != nil {
		return nil, err
	}
	// What the listener has of this promise is unknown from here on.
	return parcels, forget(m.work.state(), j)
}

func (m *messages) sendAll(ctx context.Context, j job, parcels []parcel, s *sent) {
	for _, p := range parcels {
		if s.err = context.Cause(ctx); s.err != nil {
			return
		}
		s.id = p.id
		s.answer, s.err = m.carry(ctx, j, p)
		if s.err != nil || s.answer.receipt.Status == message.Refused {
			return
		}
		s.done++
	}
}

// settle keeps what came back for a message made at that time and notes the
// delivery, in this order: where the view is lost, the next run shall ask for it
// again. What is provided is made of the view on disk, which needs no other
// delivery.
func (m *messages) settle(ctx context.Context, j job, a answer, made time.Time) (newView bool, err error) {
	if view := a.receipt.View; view != nil {
		if newView, err = writeView(j.replyFile, view.Data); err != nil {
			return false, fmt.Errorf("its view could not be written, so the next run sends it again: %w", err)
		}
	}
	err = m.epochs.heard(ctx, a.store())
	if j.repeat == repeatChanged { // else nobody will ask what was delivered last
		err = errors.Join(err, m.remember(ctx, j, a, made))
	}
	if err != nil {
		return newView, fmt.Errorf("that could not be noted, so the next run sends it again: %w", err)
	}
	if j.provide {
		if _, err := m.provide(ctx, j, true); err != nil {
			return newView, fmt.Errorf("its view is not provided: %w", err)
		}
	}
	return newView, nil
}
