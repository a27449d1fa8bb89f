package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// flights are the deliveries that go on while the agent's run does. Each is
// in the outbox until its receipt is there, so nothing hangs on this process.
type flights struct {
	ctx    context.Context // ends when the module does, or its time for messages
	cancel context.CancelFunc
	going  sync.WaitGroup
	turns  chan struct{} // bounds how many are under way
	takeUp sync.Once     // what earlier runs left
	tidy   sync.Once

	mu     sync.Mutex
	newest map[string]*item // of each promise that has messages in the outbox
	tried  map[string]error // in vain in this run, by the entry's name
	took   map[string]bool  // whether a target took anything that waited
	left   int              // wait, and were not tried
	gone   bool             // something left the outbox
	drops  []listed         // left the outbox, refused

	logs    []promise.Log // what is to be told at the end, and in one line each:
	late    []string      // what nobody took in this run
	refused []string      // what was refused
}

// item is a message of the outbox as this run knows it. Whoever takes it sends
// it, and closes landed when it is known what came of that.
type item struct {
	entry
	taken  bool // guarded by flights.mu
	landed chan struct{}
	came   arrival
}

// arrival is what became of a waiting message.
type arrival struct {
	promiser string
	id       string
	answer   answer
	newView  bool
	aside    error // it was delivered, but something on this node failed
	err      error // not delivered: it waits on
}

// maxFlights bounds the deliveries under way at once.
const maxFlights = 64

func newFlights() *flights {
	f := &flights{turns: make(chan struct{}, maxFlights), newest: map[string]*item{}, tried: map[string]error{}, took: map[string]bool{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// item makes the item of an entry, the newest of its promise so far.
func (f *flights) item(e entry) *item {
	f.mu.Lock()
	defer f.mu.Unlock()
	it := &item{entry: e, landed: make(chan struct{})}
	f.newest[e.promise] = it
	return it
}

func (f *flights) ofPromise(promise string) *item {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest[promise]
}

// take tells whether the caller is the first to take the item.
func (f *flights) take(it *item) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !it.taken
	it.taken = true
	return first
}

func (f *flights) tell(l promise.Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = append(f.logs, l)
}

// inVain notes a message that nobody took in this run.
func (f *flights) inVain(e entry, text string, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried[e.name] = why
	if text != "" {
		f.late = append(f.late, text)
	}
}

func (f *flights) refuse(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = append(f.refused, text)
}

// told is what the end of the run tells: after a week without a hub the
// outbox is full, and a line for each would drown the rest.
func (f *flights) told() []promise.Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	logs := f.logs
	if text := inOneLine(f.refused, 0, "are"); text != "" {
		logs = append(logs, promise.Error(text))
	}
	if text := inOneLine(f.late, f.left, "do"); text != "" {
		logs = append(logs, promise.Warning(text))
	} else if f.left > 0 {
		logs = append(logs, promise.Warning(fmt.Sprintf("%d messages wait in the outbox for the next run: the time for what waits was over", f.left)))
	}
	return logs
}

// inOneLine tells the first of several, and how many others there are.
func inOneLine(texts []string, more int, verb string) string {
	others := len(texts) - 1 + more
	switch {
	case len(texts) == 0:
		return ""
	case others == 0:
		return texts[0]
	}
	return fmt.Sprintf("%s. So %s %d others", texts[0], verb, others)
}

// depart puts a message into the outbox and sends it off; the promise does
// not wait for more.
func (m *messages) depart(ctx context.Context, j job, parcels []parcel) error {
	entries, err := m.putBy(ctx, j, parcels, nil)
	if err != nil {
		return err
	}
	for _, e := range entries {
		it := m.flights.item(e)
		m.flights.take(it)
		m.flyOff(it)
	}
	return nil
}

// flyOff delivers a taken item in the background.
func (m *messages) flyOff(it *item) {
	m.flights.going.Go(func() { m.fly(it, false) })
}

// fly delivers a taken item, when it is its turn, and tells what became of it.
// Once means one attempt.
func (m *messages) fly(it *item, once bool) arrival {
	defer close(it.landed)
	over := m.flights.ctx
	select {
	case m.flights.turns <- struct{}{}:
		defer func() { <-m.flights.turns }()
		it.came = m.arrive(over, it.entry, once)
	case <-over.Done():
		it.came.err = errRunOver
	}
	if it.came.err != nil && over.Err() != nil {
		it.came.err = errRunOver
		m.flights.leave(1)
		return it.came
	}
	m.report(it)
	return it.came
}

// leave counts messages that wait and were not tried to the end.
func (f *flights) leave(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left += n
}

// Terminate is the end of the agent's run: what is under way has the rest of
// its bound and of the run's time, and what was handed over leaves this process.
func (m *messages) Terminate(ctx context.Context) []promise.Log {
	over := time.AfterFunc(m.runLeft(), m.flights.cancel)
	m.flights.going.Wait() // each flight is bounded
	over.Stop()
	if err := m.sequence.giveBack(); err != nil {
		m.flights.tell(promise.Verbose("The counters' leases stay open: " + err.Error()))
	}
	if err := m.closeClients(min(max(m.runLeft(), minLinger), maxLinger)); err != nil {
		m.flights.tell(promise.Error("Handed over, and not taken in time: " + err.Error()))
	}
	ctx, cancel := context.WithTimeout(ctx, maxKeeping)
	defer cancel()
	if err := m.noteRun(ctx); err != nil {
		m.flights.tell(promise.Error("Outbox: " + err.Error()))
	}
	return m.flights.told()
}

// Bounds of how long the end of the run hands over what was taken by libzmq.
const (
	minLinger = 200 * time.Millisecond
	maxLinger = 2 * time.Second
)

// land ends what still goes on when the agent is gone without a word.
func (m *messages) land() error {
	m.flights.cancel()
	m.flights.going.Wait()
	return errors.Join(m.sequence.giveBack(), m.closeClients(maxLinger))
}

// report tells what became of a message that no promise waits for.
func (m *messages) report(it *item) {
	name := fmt.Sprintf("Message %s (%s)", it.came.promiser, it.came.id)
	switch came := it.came; {
	case errors.Is(came.err, errTaken): // who has it tells
	case came.err != nil && came.id == "":
		m.flights.tell(promise.Error("Outbox: " + came.err.Error()))
	case came.err != nil:
		m.flights.inVain(it.entry, fmt.Sprintf("%s waits in the outbox for the next run: %v", name, came.err), came.err)
	case came.answer.receipt.Status == message.Refused:
		m.flights.refuse(fmt.Sprintf("%s refused by %s: %s", name, came.answer.endpoint, came.answer.refusal()))
	default:
		m.flights.tell(promise.Verbose(fmt.Sprintf("%s sent to %s, %s", name, came.answer.endpoint, came.answer.standing())))
	}
	if it.came.aside != nil {
		m.flights.tell(promise.Error(fmt.Sprintf("%s was delivered, but %v", name, it.came.aside)))
	}
}
