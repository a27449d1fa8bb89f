package truth

import (
	"bytes"
	"fmt"

	"github.com/webhuis/cfengine-messages/schemas"
)

// batch gathers what is written in one transaction.
type batch struct {
	last     int64 // the position of the last message, or of what was applied before
	lastID   string
	messages int
	bytes    int // of contents that are kept
	said     []said
	told     []*subject // about whom something else was said
	heard    []*subject // who spoke
	numbers  int64      // the last one given before
	numbered []*subject // who had none
	skipped  []skipped
	changes  []Change // found while it is written
}

// said is one message about an entity.
type said struct {
	about *subject
	id    int64 // of the entity, once it has one
	order
	receivedAt int64
}

// skipped is a message that no schema tells how to read.
type skipped struct {
	position int64
	reason   string
}

// value is what a message says.
type value struct {
	sender, version string
	content         []byte
	sum             sum
	schema          *schemas.Schema
}

func newBatch(after int64) *batch { return &batch{last: after} }

// take takes in the next messages of the queue. The subjects are then ahead of the
// file: where the batch is not written, they are to be forgotten.
func (w *writer) take(b *batch, messages []read) error {
	if err := w.meet(messages); err != nil {
		return err
	}
	for i := range messages {
		b.add(&messages[i])
	}
	return nil
}

func (b *batch) add(r *read) {
	b.last, b.lastID = r.Position, r.MessageID
	b.messages++
	b.count(r)
	if r.err == nil && !r.about.said(r.sum) {
		r.prove()
	}
	if r.err != nil {
		b.skipped = append(b.skipped, skipped{r.Position, fmt.Sprintf("%.500s", r.err.Error())})
		return
	}
	b.said = append(b.said, said{about: r.about, order: r.order, receivedAt: r.ReceivedAt.UnixMicro()})
	if r.about.newest.compare(r.order) < 0 {
		b.renew(r)
	}
}

// count counts a message of its sender, which is read by a schema or not.
func (b *batch) count(r *read) {
	c := &r.speaker.counter
	if !c.heard {
		c.heard = true
		b.heard = append(b.heard, r.speaker)
	}
	c.add(heard{position: r.Position, at: r.ReceivedAt.UnixMicro(), issuedAt: issued(r.Message), seq: int64(r.Seq)})
}

// renew notes the newest message about an entity. Its content is kept only where the
// file has another one.
func (b *batch) renew(r *read) {
	is := r.about
	is.newest = r.order
	switch {
	case is.fact && is.sum == r.sum:
		is.next = nil
	case is.next == nil || is.next.sum != r.sum:
		if !is.told {
			is.told = true
			b.told = append(b.told, is)
		}
		is.next = &value{r.Sender, r.Version, bytes.Clone(r.content), r.sum, r.schema}
		b.bytes += len(r.content)
	}
}
