package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"

	"github.com/webhuis/cfengine-messages/promise"
)

// room is what the outbox holds, as far as this run knows: counted when the
// first message is put there, and added to since.
type room struct {
	counted         bool
	messages, bytes int
}

// errFull is why messages leave that are not of age.
var errFull = errors.New("the outbox is full (outbox_messages and outbox_bytes in messages.json)")

// putBy puts messages into the outbox. Where that makes it too full, the least
// urgent ones leave, the oldest first; an error tells that these are among them,
// or could not be put there.
func (m *messages) putBy(ctx context.Context, j job, parcels []parcel, why error) ([]entry, error) {
	if !j.outbox {
		return nil, errNoOutbox
	}
	older, err := m.waitingOf(j)
	if err != nil {
		return nil, err
	}
	entries, err := m.keepWaiting(j, parcels, why)
	if err != nil {
		return nil, err
	}
	dropped, err := m.trim(ctx, j.settings, entries)
	if err != nil {
		m.flights.tell(promise.Error("Outbox: " + err.Error())) // what was put there is there
	}
	left := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return slices.Contains(dropped, e) })
	if len(left) == 0 {
		return nil, errFull
	}
	return left, m.supersede(older)
}

// errNoOutbox is the promise's own will.
var errNoOutbox = errors.New(`outbox is "false"`)

// trim keeps the outbox within its limits and gives what it dropped.
func (m *messages) trim(ctx context.Context, s settings, added []entry) ([]entry, error) {
	state := m.work.state()
	if m.room.counted {
		for _, e := range added {
			m.room.add(sizeOf(e.file(state)))
		}
		if m.room.messages <= s.messages && m.room.bytes <= s.bytes {
			return nil, nil
		}
	}
	all, _, err := outboxEntries(state)
	if err != nil {
		return nil, err
	}
	m.room = room{counted: true}
	for _, e := range all {
		m.room.add(sizeOf(e.file(state)))
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		return cmp.Or(-cmp.Compare(a.priority, b.priority), a.queued.Compare(b.queued))
	})
	n := 0
	for ; n < len(all) && (m.room.messages > s.messages || m.room.bytes > s.bytes); n++ {
		m.room.messages--
		m.room.bytes -= sizeOf(all[n].file(state))
	}
	if err := m.drop(ctx, all[:n], errFull.Error()); err != nil {
		return nil, err
	}
	return all[:n], nil
}

func (r *room) add(size int) {
	r.messages++
	r.bytes += size
}

// sizeOf is 0 for a file that is gone.
func sizeOf(file string) int {
	info, err := os.Lstat(file)
	if err != nil {
		return 0
	}
	return int(info.Size())
}
