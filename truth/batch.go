package truth

import (
	"cmp"
	"encoding/json"
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
	schema                     *schemas.Schema
}

// order tells which of two messages about an entity is the newer: see the
// package's comment.
type order struct{ from, tie, position int64 }

func (o order) newer(than order) bool {
	return cmp.Or(cmp.Compare(o.from, than.from), cmp.Compare(o.tie, than.tie), cmp.Compare(o.position, than.position)) > 0
}

// skipped is a message that no schema tells how to read.
type skipped struct {
	position int64
	reason   string
}

// batch gathers what is written in one transaction: whatever is said about one
// entity is written together, in the order of the file's keys.
type batch struct {
	registry *schemas.Registry
	values   map[key][]*value
	heard    map[senderKey][]heard
	skipped  []skipped
	changes  []Change // found while it is written
}

func newBatch(r *schemas.Registry) *batch {
	return &batch{registry: r, values: map[key][]*value{}, heard: map[senderKey][]heard{}}
}

func (b *batch) add(m *queue.Message) {
	s := senderKey{m.Sender, m.Schema}
	b.heard[s] = append(b.heard[s], heard{position: m.Position, at: m.ReceivedAt.UnixMicro(), issuedAt: issued(m), seq: int64(m.Seq)})
	v, err := b.read(m)
	if err != nil {
		b.skipped = append(b.skipped, skipped{m.Position, fmt.Sprintf("%.500s", err.Error())})
		return
	}
	b.values[v.key] = append(b.values[v.key], v)
}

// sorted gives the newest value of each entity, in the order of the file's keys, and
// all others.
func (b *batch) sorted() (newest, others []*value) {
	newest = make([]*value, 0, len(b.values))
	for _, said := range b.values {
		last := 0
		for i, v := range said {
			if v.newer(said[last].order) {
				last = i
			}
		}
		newest = append(newest, said[last])
		others = append(append(others, said[:last]...), said[last+1:]...)
	}
	slices.SortFunc(newest, func(a, b *value) int {
		return cmp.Or(cmp.Compare(a.key.schema, b.key.schema), cmp.Compare(a.entity, b.entity))
	})
	return newest, others
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
	return &value{
		key: key{m.Schema, entity}, order: orderOf(schema.Entity, m),
		sender: m.Sender, messageID: m.MessageID, version: m.Version,
		issuedAt: issued(m), seq: int64(m.Seq), receivedAt: m.ReceivedAt.UnixMicro(), content: c.Content, schema: schema,
	}, nil
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

// members reads the top level of a content that is an object.
func members(content []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, fmt.Errorf("the content is no object: %w", err)
	}
	return m, nil
}
