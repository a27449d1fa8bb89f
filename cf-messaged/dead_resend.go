package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/zmq"
)

// retried is one dead letter and what became of it.
type retried struct {
	id        int64
	frame     []byte // as it was sent; nil where it was not
	inside    []byte // the envelope that was encrypted in it; nil where none was
	messageID string // "" where it is not known
	status    string // "" where the answer is encrypted to the sender
	code      message.Code
	reason    string
}

// done tells that it is a dead letter no more.
func (r *retried) done() bool {
	return r.status == string(message.Stored) || r.status == string(message.Duplicate)
}

// sendSome sends some at once and returns the first failure to get a receipt.
func (o retrying) sendSome(ctx context.Context, c *courier, ids []int64) ([]*retried, error) {
	retries, failures := make([]*retried, len(ids)), make([]error, len(ids))
	var sending sync.WaitGroup
	for n, id := range ids {
		r := &retried{id: id, status: putNotSent}
		retries[n] = r
		if failures[n] = o.open(ctx, r); r.frame != nil {
			sending.Go(func() { failures[n] = o.sendOne(ctx, c, r) })
		}
	}
	sending.Wait()
	return retries, cmp.Or(failures...)
}

// open reads the frame that is to be sent, as it is: what came encrypted must not
// be known here as if it had not.
func (o retrying) open(ctx context.Context, r *retried) error {
	d, err := o.reader.DeadLetter(ctx, r.id)
	switch {
	case errors.Is(err, queue.ErrNotFound):
		r.reason = "it has gone meanwhile"
		return nil
	case err != nil:
		return err
	case d.Code == handler.Code:
		r.reason = "the message is stored, and its handler gave it up: have that done by hand, and purge this"
		return nil
	case len(d.Frame) < d.Size || len(d.Frame) == 0:
		r.reason = "the frame was not kept whole"
		return nil
	}
	r.frame = d.Frame
	envelope := r.frame
	if inside, err := message.Decrypt(d.Frame, o.pair, o.limits); err == nil {
		envelope, r.inside = inside, inside
	}
	if payload, err := message.Payload(envelope); err == nil {
		container, _ := message.Decode(payload, o.limits) // or the listener says what is wrong
		r.messageID = container.MessageID
	}
	return nil
}

func (o retrying) sendOne(ctx context.Context, c *courier, r *retried) error {
	ctx, cancel := context.WithTimeout(ctx, courierPatience)
	defer cancel()
	receipt, err := c.ask(ctx, r.messageID, r.frame)
	if z := (*zmq.Error)(nil); err != nil && r.inside != nil && !errors.As(err, &z) {
		r.status = ""
		return nil
	}
	if err != nil {
		if mayHaveArrived(err) {
			r.status, r.reason = putFailed, err.Error()
		}
		return fmt.Errorf("dead retry: %w", c.wayOut(err))
	}
	r.status, r.code, r.reason = string(receipt.Status), receipt.Code, receipt.Reason
	return nil
}

// tidy removes the dead letters that are none any more; and of what is refused
// again the new one, for the old one tells when and from where it first came.
func (o retrying) tidy(ctx context.Context, retries []*retried) error {
	var gone []int64
	refused := map[int64]*retried{}
	for _, r := range retries {
		if r.status == "" {
			if err := o.lookUp(ctx, r); err != nil {
				return err
			}
		}
		if r.done() {
			gone = append(gone, r.id)
		} else if r.status == string(message.Refused) {
			if _, err := o.reader.DeadLetter(ctx, r.id); err == nil { // not gone for want of room
				refused[r.id] = r
			}
		}
	}
	if len(refused) > 0 {
		copies, err := o.copies(ctx, refused)
		if err != nil {
			return err
		}
		gone = append(gone, copies...)
	}
	if len(gone) == 0 {
		return nil
	}
	_, err := queue.PurgeDeadLetters(ctx, o.config.State, gone)
	return permitted(err, o.config.State)
}

// lookUp finds in the queue what became of a message whose receipt only its
// sender can read.
func (o retrying) lookUp(ctx context.Context, r *retried) error {
	r.status, r.reason = string(message.Refused), "the answer is encrypted to its sender: the listener's log has it"
	all, err := o.reader.Messages(ctx, queue.Filter{MessageID: r.messageID})
	for _, m := range all {
		if !bytes.Equal(m.Frame, r.inside) {
			continue
		}
		r.status, r.reason = string(message.Stored), ""
		if m.Position <= o.last.message {
			r.status = string(message.Duplicate)
		}
	}
	return err
}

// copies are the dead letters that came of sending again, one for each.
func (o retrying) copies(ctx context.Context, refused map[int64]*retried) (ids []int64, err error) {
	err = eachDead(ctx, o.reader, queue.DeadFilter{After: o.last.letter}, func(d queue.DeadLetter) error {
		whole, err := o.reader.DeadLetter(ctx, d.ID)
		if err != nil && !errors.Is(err, queue.ErrNotFound) {
			return err
		}
		for id, r := range refused {
			if bytes.Equal(whole.Frame, r.frame) {
				if r.code == "" {
					r.code, r.reason = message.Code(d.Code), d.Reason
				}
				delete(refused, id)
				ids = append(ids, d.ID)
				break
			}
		}
		return nil
	})
	return ids, err
}
