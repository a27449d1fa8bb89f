package truth

import (
	"cmp"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// order tells which of two messages about an entity is the newer: see the
// package's comment.
type order struct{ from, tie, position int64 }

func (o order) compare(to order) int {
	return cmp.Or(cmp.Compare(o.from, to.from), cmp.Compare(o.tie, to.tie), cmp.Compare(o.position, to.position))
}

func orderOf(e schemas.Entity, m *queue.Message) order {
	o := order{from: issued(m), tie: m.ReceivedAt.UnixMicro(), position: m.Position}
	if m.IssuedAt == 0 {
		o.from = o.tie
	} else if e.Sender {
		o.tie = int64(m.Seq)
	}
	return o
}
