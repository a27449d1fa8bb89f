package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// flights are the deliveries that go on while the agent's run does. Each is
// in the outbox until its receipt is there, so nothing hangs on this process.
type flights struct {
	ctx    context.Context // ends when the module does
	cancel context.CancelFunc
	going  sync.WaitGroup
	turns  chan struct{} // bounds how many are under way
	resend sync.Once

	held map[string]bool // what waits or is under way, by contentKey; of the promises' goroutine

	mu   sync.Mutex
	logs []promise.Log // what is to be told at the end
	late []string      // what nobody took in this run, told in one line
}

// maxFlights bounds the deliveries under way at once.
const maxFlights = 64

func newFlights() *flights {
	f := &flights{turns: make(chan struct{}, maxFlights), held: map[string]bool{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

func (f *flights) tell(l promise.Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = append(f.logs, l)
}

// wait notes a message that nobody took in this run.
func (f *flights) wait(j job, p parcel, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, fmt.Sprintf("Message %s (%s) waits in the outbox for the next run: %v", j.promiser, p.id, why))
}

// told is what the end of the run tells: after a week without a hub the
// outbox is full, and a line for each would drown the rest.
func (f *flights) told() []promise.Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.late); n == 1 {
		return append(f.logs, promise.Warning(f.late[0]))
	} else if n > 1 {
		return append(f.logs, promise.Warning(fmt.Sprintf("%s. So do %d others", f.late[0], n-1)))
	}
	return f.logs
}

// contentKey names what a promise says to whom, whatever message carries it.
func contentKey(j job) string {
	sum, err := contentDigest(j.content)
	if err != nil {
		return "" // checkContent has seen that it is JSON
	}
	return deliveredFile("", j) + j.schema.Version + sum
}

// depart puts a message into the outbox and sends it off; the promise does
// not wait for more.
func (m *messages) depart(j job, p parcel) error {
	w, err := m.keepWaiting(j, p)
	if err != nil {
		return fmt.Errorf("put it into the outbox: %w", err)
	}
	m.flights.held[contentKey(j)] = true
	m.fly(w, j, p)
	return nil
}

// resendWaiting takes up what earlier runs left: receipts that came too late
// for them, and messages that nobody took.
func (m *messages) resendWaiting() {
	sweep(m.work.state(), m.now())
	all, faults := waitingMessages(m.work.state())
	for _, err := range faults {
		m.flights.tell(promise.Error("Outbox: " + err.Error()))
	}
	for _, w := range all {
		j, p, err := w.job()
		switch {
		case err != nil:
			m.flights.tell(promise.Error("Outbox: " + err.Error()))
		case m.now().After(w.ExpiresAt):
			m.flights.tell(promise.Warning(fmt.Sprintf("Message %s (%s) expired in the outbox and is dropped: it waited since %s",
				j.promiser, p.id, w.QueuedAt.Format("2006-01-02 15:04:05"))))
			m.noteDone(w)
		default:
			m.flights.held[contentKey(j)] = true
			m.fly(w, j, p)
		}
	}
}

// fly delivers in the background.
func (m *messages) fly(w waiting, j job, p parcel) {
	m.flights.going.Go(func() {
		ctx, cancel := j.bounded(m.flights.ctx)
		defer cancel()
		select {
		case m.flights.turns <- struct{}{}:
			defer func() { <-m.flights.turns }()
		case <-ctx.Done():
			return // it waits for the next run
		}
		to, err := m.addressed(ctx, j)
		if err != nil {
			m.flights.wait(j, p, err)
			return
		}
		p.key, p.recipient = to.key, to.recipient
		a, err := m.carry(ctx, j, p)
		m.landed(ctx, w, j, p, a, err)
	})
}

// landed settles what a delivery came to.
func (m *messages) landed(ctx context.Context, w waiting, j job, p parcel, a answer, err error) {
	switch {
	case err != nil && errors.Is(m.flights.ctx.Err(), context.Canceled):
		return // the run is over: the next one goes on
	case err != nil:
		m.flights.wait(j, p, err)
	case a.receipt.Status == message.Refused:
		m.flights.tell(promise.Error(fmt.Sprintf("Message %s (%s) refused by %s: %s", j.promiser, p.id, a.endpoint, a.refusal())))
		m.noteDone(w)
	default:
		if _, err := m.settle(ctx, j, a.receipt.View); err != nil {
			m.flights.tell(promise.Error(fmt.Sprintf("Message %s was delivered, but %v", j.promiser, err)))
		}
		m.flights.tell(promise.Verbose(fmt.Sprintf("Message %s (%s) sent to %s, %s", j.promiser, p.id, a.endpoint, a.standing())))
		m.noteDone(w)
	}
}

func (m *messages) noteDone(w waiting) {
	if err := w.done(); err != nil {
		m.flights.tell(promise.Error("Outbox: " + err.Error()))
	}
}

// Terminate is the end of the agent's run: what is under way has the rest of
// its bound, and what was handed over leaves this process.
func (m *messages) Terminate(context.Context) []promise.Log {
	m.flights.going.Wait() // each flight is bounded
	if err := m.sequence.giveBack(); err != nil {
		m.flights.tell(promise.Verbose("The counters' leases stay open: " + err.Error()))
	}
	if err := m.client.Close(); err != nil {
		m.flights.tell(promise.Error("Handed over, and not taken in time: " + err.Error()))
	}
	return m.flights.told()
}

// land ends what still goes on when the agent is gone without a word.
func (m *messages) land() error {
	m.flights.cancel()
	m.flights.going.Wait()
	return errors.Join(m.sequence.giveBack(), m.client.Close())
}
