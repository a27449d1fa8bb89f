package truth

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// read is a message as far as it can be read without knowing what was said before.
type read struct {
	*queue.Message
	schema    *schemas.Schema
	entity    string
	order     order
	container []byte // nil once its content was read strictly
	content   []byte
	sum       sum
	err       error // why no schema tells how to read it

	speaker, about *subject // once they are known
}

// readMessage reads a message. What stands in the form of Encode is cut out only: it is
// read strictly (see prove) where it says something else than what was read before.
func readMessage(registry *schemas.Registry, m *queue.Message) (r read) {
	r.Message = m
	r.schema, r.err = registry.Find(m.Schema, m.Version)
	if gone := (*schemas.Unknown)(nil); errors.As(r.err, &gone) {
		r.err = fmt.Errorf("%w; put its schema back and run cf-messaged rebuild", r.err)
	}
	if r.err == nil {
		r.container, r.err = message.Payload(m.Frame)
	}
	if r.err != nil {
		return r
	}
	framed := false
	if r.content, framed = message.Framed(r.container, m.Schema, m.MessageID, m.Version); !framed || !r.schema.Entity.Sender {
		r.prove()
	}
	if r.err == nil {
		r.entity, r.err = entityOf(r.schema.Entity, m, r.content)
	}
	r.order = orderOf(r.schema.Entity, m)
	r.sum = r.summed()
	return r
}

// prove reads the content strictly, unless that was done.
func (r *read) prove() {
	if r.container == nil {
		return
	}
	c, err := decode(r.container)
	r.content, r.err, r.container = c.Content, err, nil
}

// sum is the same for those contents only that are the same, and of one sender and
// version. Half of SHA-256 is more than anybody finds two of.
type sum [16]byte

func (r *read) summed() sum { return summed(r.Sender, r.Version, r.content) }

func summed(sender, version string, content []byte) sum {
	text := make([]byte, 0, len(sender)+len(version)+2+len(content))
	text = append(append(text, sender...), 0)
	text = append(append(text, version...), 0)
	all := sha256.Sum256(append(text, content...))
	return sum(all[:])
}

// issued is an envelope's iat in microseconds, 0 when it has none.
func issued(m *queue.Message) int64 { return m.IssuedAt * 1_000_000 }
