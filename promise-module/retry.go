package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/webhuis/cfengine-messages/message"
)

// retried counts what became of the messages of a retry.
type retried struct {
	Sent    int `json:"sent"`
	Refused int `json:"refused"`
	Waiting int `json:"waiting"`
	Dropped int `json:"dropped"` // expired
}

// retryOutbox sends what waits, now, for as long as it takes: all, or the
// messages of these ids. A listener that is away is given up after one attempt.
func (m *messages) retryOutbox(ctx context.Context, out io.Writer, terminal *os.File, ids []string, asJSON bool) error {
	found, n, fault := m.shelves(ids)
	if len(ids) > 0 && fault != nil {
		return fault
	}
	entries := make([]entry, len(found))
	for i, s := range found {
		entries[i] = s.entry
	}
	current, err := m.dropExpired(ctx, entries)
	backlogs := m.backlogs(current, n)
	var items []*item
	for _, b := range backlogs {
		items = append(items, b.items...)
	}
	done := showProgress(terminal, len(items), func() int { return tally(items).arrived() })
	m.resendAll(ctx, backlogs)
	done()
	r := tally(items)
	r.Dropped = len(entries) - len(items)
	return errors.Join(r.print(out, asJSON), fault, err, m.noteRun(ctx), m.closeClients(maxLinger), whyNot(items))
}

func (m *messages) resendAll(ctx context.Context, backlogs []*backlog) {
	stop := context.AfterFunc(ctx, m.flights.cancel)
	defer stop()
	var targets sync.WaitGroup
	for _, b := range backlogs {
		b.failed = 0 // whoever asks for it does not wait for a moment of this host's own
		targets.Go(func() { b.resend(ctx) })
	}
	targets.Wait()
}

func (r retried) arrived() int { return r.Sent + r.Refused }

func (r retried) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	return printText(out, fmt.Sprintf("%d sent, %d refused, %d wait, %d expired\n", r.Sent, r.Refused, r.Waiting, r.Dropped))
}

// tally counts what has landed so far.
func tally(items []*item) (r retried) {
	for _, it := range items {
		switch came, landed := it.arrived(); {
		case !landed || came.err != nil:
			r.Waiting++
		case came.answer.receipt.Status == message.Refused:
			r.Refused++
		default:
			r.Sent++
		}
	}
	return r
}

// arrived tells what became of an item, as soon as that is known.
func (it *item) arrived() (came arrival, landed bool) {
	select {
	case <-it.landed:
		return it.came, true
	default:
		return arrival{}, false
	}
}

// whyNot gives the first failure, the first refusal and what else went wrong:
// after a week without a hub a line for each message would drown the rest.
func whyNot(items []*item) error {
	var waits, refused, aside error
	for _, it := range items {
		came, _ := it.arrived()
		name := fmt.Sprintf("%s (%s)", came.promiser, came.id)
		switch {
		case came.err != nil && waits == nil:
			waits = fmt.Errorf("%s waits on: %w", name, came.err)
		case came.err == nil && came.answer.receipt.Status == message.Refused && refused == nil:
			refused = fmt.Errorf("%s refused by %s: %s", name, came.answer.endpoint, came.answer.refusal())
		}
		if came.aside != nil && aside == nil {
			aside = fmt.Errorf("%s was delivered, but %w", name, came.aside)
		}
	}
	return errors.Join(waits, refused, aside)
}

// showProgress shows how far work has come, where a person watches, until done
// is called.
func showProgress(terminal *os.File, of int, came func() int) (done func()) {
	if !term.IsTerminal(int(terminal.Fd())) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(terminal, "\r%d of %d", came(), of)
			case <-stop:
				fmt.Fprint(terminal, "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
