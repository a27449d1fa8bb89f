package truth

import (
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// maxPage is how many messages are read from the queue at once.
const maxPage = 1000

// batchBytes bounds the contents in one transaction, about.
const batchBytes = 64 << 20

// page is a part of the queue, as it was read.
type page struct {
	after    int64
	messages []read
	err      error
}

// gather takes in what lies in the queue after what is applied, as much as one
// transaction takes. While a full page is taken in, the one after it is read: that
// has a processor of its own.
func (t *Truth) gather() (*batch, error) {
	b := newBatch(t.Status().Position)
	limit := min(maxPage, t.options.Batch)
	for b.messages+limit <= t.options.Batch && b.bytes < batchBytes {
		p := t.takeAhead(b.last)
		if p == nil {
			p = t.page(t.registry(), b.last, limit)
		}
		if p.err != nil {
			return nil, p.err
		}
		if len(p.messages) == limit {
			t.readAhead(p.messages[limit-1].Position, limit)
		}
		if err := t.take(b, p); err != nil {
			return nil, err
		}
		if len(p.messages) < limit {
			break // most often the end
		}
	}
	return b, nil
}

func (t *Truth) registry() *schemas.Registry {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.writer.registry
}

func (t *Truth) take(b *batch, p *page) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.writer.take(b, p.messages)
}

// page reads what lies after a position.
func (t *Truth) page(registry *schemas.Registry, after int64, limit int) *page {
	p := &page{after: after}
	messages, err := t.queue.Messages(t.ctx, queue.Filter{After: after, Limit: limit})
	if err != nil {
		p.err = err
		return p
	}
	p.messages = make([]read, len(messages))
	for i := range messages {
		p.messages[i] = readMessage(registry, &messages[i])
	}
	return p
}

func (t *Truth) readAhead(after int64, limit int) {
	t.ahead = make(chan *page, 1)
	go func(to chan<- *page, registry *schemas.Registry) { to <- t.page(registry, after, limit) }(t.ahead, t.registry())
}

// takeAhead gives what was read ahead, nil when that is nothing or, after a failure,
// does not follow.
func (t *Truth) takeAhead(after int64) *page {
	if t.ahead == nil {
		return nil
	}
	p := <-t.ahead
	t.ahead = nil
	if p.err != nil || p.after != after {
		return nil
	}
	return p
}
