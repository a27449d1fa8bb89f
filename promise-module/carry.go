package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// parcel is one message ready to travel. How it travels, encrypted or not, is
// settled when it does: what waits can be read here, where it comes from.
type parcel struct {
	id        string
	frame     []byte
	key       *hostkey.PublicKey // of the listener, where policy names it
	recipient *hostkey.PublicKey // who alone can open it; nil where anybody may
	client    *curveClient       // what it goes out by
}

// addressed makes the parcel of a job without its message: to whom it goes.
func (m *messages) addressed(ctx context.Context, j job) (p parcel, err error) {
	if p.key, err = m.listener(ctx, j.to.key); err != nil {
		return p, err
	}
	if p.client, err = m.clientOf(ctx, j.to.serverKey); err != nil {
		return p, err
	}
	if p.recipient, err = m.listener(ctx, j.encryptTo); err != nil {
		return p, fmt.Errorf("encrypt_to: %w", err)
	}
	if p.key != nil && p.recipient != nil && p.key.Digest() != p.recipient.Digest() {
		return p, fmt.Errorf("encrypt_to is the key %s, and to names %s as the listener, which could not open it", p.recipient.Digest(), p.key.Digest())
	}
	return p, nil
}

// named is the listener that the message is for, by whichever attribute policy
// names it; nil when by none. Encrypted, it must be: whoever can open it could
// encrypt it to others, as if its sender had.
func (p parcel) named() *hostkey.PublicKey {
	return cmp.Or(p.recipient, p.key)
}

// travelling is the parcel as it goes over the wire.
func (p parcel) travelling() (parcel, error) {
	if p.recipient == nil {
		return p, nil
	}
	var err error
	p.frame, err = message.Encrypt(p.frame, p.recipient)
	return p, err
}

// pack makes the parcels of a job: one, or one for each element where it says
// split.
func (m *messages) pack(ctx context.Context, j job) ([]parcel, error) {
	to, err := m.addressed(ctx, j)
	if err != nil {
		return nil, err
	}
	contents := j.contents()
	first, err := m.numbers(ctx, j, len(contents))
	if err != nil {
		return nil, err
	}
	parcels := make([]parcel, len(contents))
	for i, content := range contents {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d of %d messages are sealed and none is sent: %w", i, len(contents), ctx.Err())
		}
		seq, now := first+uint64(i), m.now()
		var fits bool
		if parcels[i], fits = j.ahead.filled(ctx, to, seq, now); fits {
			continue
		}
		if parcels[i], err = m.sealed(j, to, content, seq, now); err != nil {
			return nil, err
		}
	}
	return parcels, nil
}

// contents are what the messages of a job say, one each. checkContent has seen
// that a split content is an array.
func (j job) contents() []json.RawMessage {
	if !j.split {
		return []json.RawMessage{j.content}
	}
	var elements []json.RawMessage
	_ = json.Unmarshal(j.content, &elements)
	return elements
}

// numbers takes what the messages of a job are counted by; bare containers
// have no place for it.
func (m *messages) numbers(ctx context.Context, j job, n int) (first uint64, err error) {
	if !j.sign {
		return 0, nil
	}
	if first, err = m.sequence.next(ctx, j.schema.ID, n); err != nil {
		return 0, fmt.Errorf("count the message: %w", err)
	}
	return first, nil
}

// sealed is a parcel with a message in it, signed at that time.
func (m *messages) sealed(j job, to parcel, content json.RawMessage, seq uint64, at time.Time) (p parcel, err error) {
	p = to
	if p.id = j.messageID; p.id == "" {
		p.id = message.NewID()
	}
	p.frame, err = m.seal(j, p, content, seq, at)
	return p, err
}

// seal makes what travels: the signed envelope, or the bare container where
// the promise says sign => "false".
func (m *messages) seal(j job, p parcel, content json.RawMessage, seq uint64, at time.Time) ([]byte, error) {
	container, err := message.Container{Schema: j.schema.ID, MessageID: p.id, Version: j.schema.Version, Content: content}.Encode()
	if err != nil || !j.sign {
		return container, err
	}
	pair, err := m.pair()
	if err != nil {
		return nil, err
	}
	header := message.Header{Iat: at.Unix(), Exp: at.Add(j.expires).Unix(), Seq: seq}
	if to := p.named(); to != nil {
		header.Aud = string(to.Digest())
	}
	return message.Seal(container, header, pair)
}

// carry takes one parcel to its listener within the promise's bound. Where the
// listener does not know this host, it is asked to.
func (m *messages) carry(ctx context.Context, j job, p parcel) (answer, error) {
	a, err := m.bring(ctx, j, p)
	if err == nil && a.receipt.Code == message.UnknownSender && m.firstAsked(j) {
		return m.enrol(ctx, j, p, a), nil
	}
	return a, err
}

// bring takes one parcel to its listener by the job's pattern.
func (m *messages) bring(ctx context.Context, j job, p parcel) (answer, error) {
	p, err := p.travelling()
	if err != nil {
		return answer{}, err
	}
	d := delivery{endpoints: j.endpoints(), timeout: j.timeout, retries: j.retries}
	switch j.pattern {
	case patternPublish:
		d.carry = func(ctx context.Context, endpoint string) (answer, error) {
			return handedOver, p.client.Publish(ctx, endpoint, j.topic, p.frame)
		}
	case patternPush:
		// All endpoints at once: libzmq gives each of them its turn.
		d.endpoints = d.endpoints[:1]
		d.carry = func(ctx context.Context, _ string) (answer, error) {
			return handedOver, p.client.Push(ctx, j.endpoints(), p.frame)
		}
	case patternPair:
		d.carry = m.pairCarry(ctx, j, p)
	default:
		r := m.reader(ctx, p)
		d.carry = func(ctx context.Context, endpoint string) (answer, error) {
			return r.answered(p.client.Request(ctx, endpoint, p.frame))
		}
	}
	d.carry = m.admitted(j, p.client, d.carry)
	return d.send(ctx)
}

// handedOver is what stands for an answer where a pattern has none.
var handedOver = answer{silent: true, receipt: message.Receipt{Status: message.Stored}}

// pairCarry sends on a pair, and waits for the receipt of this very message
// where the promise wants one.
func (m *messages) pairCarry(ctx context.Context, j job, p parcel) func(context.Context, string) (answer, error) {
	if !j.receipt {
		return func(ctx context.Context, endpoint string) (answer, error) {
			_, err := p.client.Pair(ctx, endpoint, p.frame, nil)
			return handedOver, err
		}
	}
	r := m.reader(ctx, p)
	return func(ctx context.Context, endpoint string) (answer, error) {
		return r.answered(p.client.Pair(ctx, endpoint, p.frame, func(frame []byte) bool {
			_, err := r.read(frame)
			return err == nil
		}))
	}
}

// reader understands the answers to a parcel.
func (m *messages) reader(ctx context.Context, p parcel) reader {
	return reader{
		messageID: p.id,
		sent:      p.frame,
		required:  p.key,
		curve:     p.client.curve(),
		own:       m.pair,
		trusted:   func(d hostkey.Digest) (*hostkey.PublicKey, bool) { return m.trusted(ctx, d) },
		certs:     &m.certs,
		now:       m.now,
	}
}

// answered reads the answer that came, if one did.
func (r reader) answered(frame []byte, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return r.read(frame)
}
