package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/promise"
)

// validated is the promise that Validate saw last. cf-agent evaluates it next,
// and what was found out about it is then still so.
type validated struct {
	promise promise.Promise
	job     job
}

// remembered gives the job of a promise that was validated just before, and
// understands any other anew.
func (m *messages) remembered(p promise.Promise) (job, error) {
	last := m.last
	m.last = nil
	if last != nil && last.promise.Promiser == p.Promiser && maps.EqualFunc(last.promise.Attributes, p.Attributes, sameText) {
		return last.job, nil
	}
	return m.newJob(p)
}

func sameText(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

// ahead is a message that is sealed while cf-agent makes up its mind to have the
// promise evaluated: a signature takes longer than all else that this host does
// for a message. It is used where everything in it is still so, above all its
// number, which is not taken before the message is sent; else it is forgotten.
type ahead struct {
	seq  uint64
	at   time.Time
	done chan struct{} // closed when what follows stands

	parcel parcel
	err    error // the promise's evaluation will find it too, and tell it
}

// sealAhead begins with the message of a promise that is sure to be sent. The
// run's first one is not: its number is not known before it is taken.
func (m *messages) sealAhead(j job, p promise.Promise) *ahead {
	seq := uint64(0)
	if j.sign && !j.split && !p.WarnOnly && j.repeat == repeatAlways {
		seq = m.sequence.expected(j.schema.ID)
	}
	if seq == 0 {
		return nil
	}
	a := &ahead{seq: seq, at: m.now(), done: make(chan struct{})}
	m.flights.going.Go(func() {
		defer close(a.done)
		runtime.Gosched() // who reads what the agent says goes first, and waits there
		ctx, cancel := j.bounded(m.flights.ctx)
		defer cancel()
		if a.parcel, a.err = m.addressed(ctx, j); a.err == nil {
			a.parcel, a.err = m.sealed(j, a.parcel, j.content, seq, a.at)
		}
	})
	return a
}

// filled gives the parcel with the message that was sealed ahead, where it is
// the one that would be sealed now. It waits until that is done.
func (a *ahead) filled(ctx context.Context, to parcel, seq uint64, now time.Time) (p parcel, fits bool) {
	if a == nil || a.seq != seq || a.at.Unix() != now.Unix() {
		return to, false
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return to, false
	}
	if a.err != nil || !sameKey(a.parcel.named(), to.named()) {
		return to, false
	}
	to.id, to.frame = a.parcel.id, a.parcel.frame
	return to, true
}

func sameKey(a, b *hostkey.PublicKey) bool {
	return a == b || a != nil && b != nil && a.Digest() == b.Digest()
}
