package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/webhuis/cfengine-messages/promise"
)

// dropExpired drops what waited too long, and gives the rest.
func (m *messages) dropExpired(ctx context.Context, all []entry) ([]entry, error) {
	var expired, rest []entry
	for now, i := m.now(), 0; i < len(all); i++ {
		if now.After(all[i].expires) {
			expired = append(expired, all[i])
		} else {
			rest = append(rest, all[i])
		}
	}
	return rest, m.drop(ctx, expired, "it expired")
}

// dropsAtOnce bounds the files that are held open while they are dropped.
const dropsAtOnce = 100

// drop takes messages out of the outbox undelivered, and tells that in one
// warning. What another agent is sending is left to it.
func (m *messages) drop(ctx context.Context, entries []entry, why string) error {
	var dropped []listed
	for some := range slices.Chunk(entries, dropsAtOnce) {
		gone, err := m.dropSome(ctx, some, why)
		dropped = append(dropped, gone...)
		if err != nil {
			return err
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	text := fmt.Sprintf("Message %s (%s), which waited since %s, is dropped from the outbox: %s",
		dropped[0].Promiser, dropped[0].MessageID, dropped[0].QueuedAt.Format("2006-01-02 15:04:05"), why)
	if others := len(dropped) - 1; others > 0 {
		text = fmt.Sprintf("%s. So are %d others", text, others)
	}
	m.flights.tell(promise.Warning(text))
	return nil
}

func (m *messages) dropSome(ctx context.Context, entries []entry, why string) (dropped []listed, err error) {
	var claims []*claimed
	for _, e := range entries {
		c, err := claim(m.work.state(), e)
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			m.flights.tell(promise.Error("Outbox: " + err.Error()))
			continue
		}
		defer c.letGo()
		claims = append(claims, c)
	}
	return m.remove(ctx, claims, why)
}

// remove takes claimed messages out of the outbox. That they were dropped is
// noted before they are gone.
func (m *messages) remove(ctx context.Context, claims []*claimed, why string) (dropped []listed, err error) {
	err = changeNotes(ctx, m.work.state(), func(n *notes) {
		for _, c := range claims {
			l := c.list(n.Tried[c.name])
			l.Content, l.Dropped, l.DroppedAt = nil, why, m.now().UTC()
			dropped = append(dropped, l)
			delete(n.Tried, c.name)
		}
		n.Dropped += len(dropped)
		n.Drops = append(n.Drops, dropped...)
	})
	if err != nil {
		return nil, fmt.Errorf("nothing is dropped: %w", err)
	}
	for _, c := range claims {
		err = errors.Join(err, c.done())
	}
	return dropped, err
}

// dropRefused takes a message out that its listener refused, which has it among
// its dead letters. That is noted at the end of the run, for all of them at once.
func (m *messages) dropRefused(c *claimed, a answer) error {
	l := c.list(tried{})
	l.Content, l.Dropped, l.DroppedAt = nil, "refused: "+a.refusal(), m.now().UTC()
	m.flights.dropped(l)
	return c.done()
}

// dropped notes a message that left the outbox undelivered.
func (f *flights) dropped(l listed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drops = append(f.drops, l)
}
