package truth

import (
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// page is how many messages are read from the queue at once, the most it gives.
const page = 10_000

// batchBytes bounds the contents in one transaction, about.
const batchBytes = 64 << 20

// gathered is a batch that was read ahead.
type gathered struct {
	*batch
	err error
}

// next gives the messages after those that are applied. While a batch that is full
// is written, the one after it is read: that has a processor of its own.
func (t *Truth) next() (*batch, error) {
	t.writing.Lock()
	registry := t.writer.registry
	t.writing.Unlock()
	b, err := t.takeAhead()
	if err == nil && b == nil {
		b, err = t.gather(registry, t.Status().Position)
	}
	if err == nil && b.messages >= t.options.Batch {
		t.ahead = make(chan gathered, 1)
		go func(to chan<- gathered) {
			b, err := t.gather(registry, b.last)
			to <- gathered{b, err}
		}(t.ahead)
	}
	return b, err
}

// takeAhead gives what was read ahead, nil when that is nothing or, after a
// failure, does not follow what is applied.
func (t *Truth) takeAhead() (*batch, error) {
	if t.ahead == nil {
		return nil, nil
	}
	g := <-t.ahead
	t.ahead = nil
	if g.err != nil || g.after != t.Status().Position {
		return nil, g.err
	}
	return g.batch, nil
}

// gather reads what lies after a position, as much as one transaction takes.
func (t *Truth) gather(registry *schemas.Registry, after int64) (*batch, error) {
	b := newBatch(registry, after)
	for b.messages < t.options.Batch && b.bytes < batchBytes {
		limit := min(page, t.options.Batch-b.messages)
		messages, err := t.queue.Messages(t.ctx, queue.Filter{After: b.last, Limit: limit})
		if err != nil {
			return nil, err
		}
		for i := range messages {
			b.add(&messages[i])
		}
		if len(messages) < limit {
			break // most often the end
		}
	}
	return b, nil
}
