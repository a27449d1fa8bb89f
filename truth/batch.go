package truth

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// maxDepth and the frame's own size are the limits of what was accepted once,
// whatever the configuration says now.
const maxDepth = 1000

// key names one thing that something is said about.
type key struct{ schema, entity string }

// value is what one message says about an entity.
type value struct {
	key
	order
	sender, messageID, version string
	issuedAt, seq, receivedAt  int64
	content                    []byte
	sum                        sum
	schema                     *schemas.Schema

	newest *value // about the same entity in the batch
	known  known  // of the newest one only
}

// order tells which of two messages about an entity is the newer: see the
// package's comment.
type order struct{ from, tie, position int64 }

func (o order) compare(to order) int {
	return cmp.Or(cmp.Compare(o.from, to.from), cmp.Compare(o.tie, to.tie), cmp.Compare(o.position, to.position))
}

// skipped is a message that no schema tells how to read.
type skipped struct {
	position int64
	reason   string
}

// batch gathers what is written in one transaction.
type batch struct {
	registry *schemas.Registry
	after    int64 // the position before the first message
	last     int64 // that of the last one, or after
	lastID   string
	messages int
	bytes    int      // of contents
	values   []*value // in the order of the queue, as all here
	heard    []said
	skipped  []skipped
	changes  []Change // found while it is written
}

func newBatch(r *schemas.Registry, after int64) *batch {
	return &batch{registry: r, after: after, last: after}
}

func (b *batch) add(m *queue.Message) {
	b.last, b.lastID = m.Position, m.MessageID
	b.messages++
	b.heard = append(b.heard, said{senderKey{m.Sender, m.Schema}, heard{position: m.Position, at: m.ReceivedAt.UnixMicro(), issuedAt: issued(m), seq: int64(m.Seq)}})
	v, err := b.read(m)
	if err != nil {
		b.skipped = append(b.skipped, skipped{m.Position, fmt.Sprintf("%.500s", err.Error())})
		return
	}
	b.bytes += len(v.content)
	b.values = append(b.values, v)
}

// newest gives the newest value of each entity, in the order of the file's keys, and
// notes it in the others.
func (b *batch) newest() (newest []*value) {
	all := slices.Clone(b.values)
	slices.SortFunc(all, func(a, b *value) int {
		return cmp.Or(cmp.Compare(a.key.schema, b.key.schema), cmp.Compare(a.entity, b.entity), a.order.compare(b.order))
	})
	for _, v := range slices.Backward(all) {
		if n := len(newest); n == 0 || newest[n-1].key != v.key {
			newest = append(newest, v)
		}
		v.newest = newest[len(newest)-1]
	}
	slices.Reverse(newest)
	return newest
}

func (b *batch) read(m *queue.Message) (*value, error) {
	schema, err := b.registry.Find(m.Schema, m.Version)
	if gone := (*schemas.Unknown)(nil); errors.As(err, &gone) {
		return nil, fmt.Errorf("%w; put its schema back and run cf-messaged rebuild", err)
	}
	if err != nil {
		return nil, err
	}
	payload, err := message.Payload(m.Frame)
	if err != nil {
		return nil, err
	}
	c, err := message.Decode(payload, message.Limits{Size: len(payload), Depth: maxDepth})
	if err != nil {
		return nil, err
	}
	entity, err := entityOf(schema.Entity, m, c.Content)
	if err != nil {
		return nil, err
	}
	v := &value{
		key: key{m.Schema, entity}, order: orderOf(schema.Entity, m),
		sender: m.Sender, messageID: m.MessageID, version: m.Version,
		issuedAt: issued(m), seq: int64(m.Seq), receivedAt: m.ReceivedAt.UnixMicro(), content: c.Content, schema: schema,
	}
	v.sum = v.summed()
	return v, nil
}

// issued is an envelope's iat in microseconds, 0 when it has none.
func issued(m *queue.Message) int64 { return m.IssuedAt * 1_000_000 }

func orderOf(e schemas.Entity, m *queue.Message) order {
	o := order{from: issued(m), tie: m.ReceivedAt.UnixMicro(), position: m.Position}
	if m.IssuedAt == 0 {
		o.from = o.tie
	} else if e.Sender {
		o.tie = int64(m.Seq)
	}
	return o
}
