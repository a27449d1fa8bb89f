package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/zmq"
)

// Forward passes messages on: the envelope unchanged, so that the next
// listener verifies the first sender.
type Forward struct {
	Pattern string    `yaml:"pattern"`
	To      Endpoints `yaml:"to"`    // connect there, in order of preference; push gives each its turn
	Bind    Endpoints `yaml:"bind"`  // or bind, for workers and subscribers that connect: push and publish
	Topic   string    `yaml:"topic"` // publish; the schema where left out

	Key       string    `yaml:"key"`        // request: the digest or the file of the host key that receipts there must be of
	ServerKey string    `yaml:"server_key"` // with to: the CURVE key of the listeners there
	Enrol     Endpoints `yaml:"enrol"`      // where those take this listener's own
	Curve     string    `yaml:"curve"`      // with bind: off, any or enrolled
}

func (f Forward) check() error {
	binds := f.Pattern == patternPush || f.Pattern == patternPublish
	switch {
	case !binds && f.Pattern != patternRequest && f.Pattern != patternPair:
		return fmt.Errorf(".forward.pattern: expected request, publish, push or pair, found %q", f.Pattern)
	case (len(f.To) == 0) == (len(f.Bind) == 0):
		return errors.New(".forward: expected either to or bind, as to: [tcp://127.0.0.1:5311]")
	case len(f.Bind) > 0 && !binds:
		return fmt.Errorf(".forward.bind: goes with push and publish, not with %s", f.Pattern)
	case curveFault(f.Curve, f.ServerKey, len(f.Bind) > 0, len(f.To) > 0) != nil:
		return fmt.Errorf(".forward%w", curveFault(f.Curve, f.ServerKey, len(f.Bind) > 0, len(f.To) > 0))
	case f.Topic != "" && f.Pattern != patternPublish:
		return fmt.Errorf(".forward.topic: goes with publish, not with %s", f.Pattern)
	case f.Key != "" && f.Pattern != patternRequest:
		return fmt.Errorf(".forward.key: goes with request, which has receipts, not with %s", f.Pattern)
	case f.Key != "" && !filepath.IsAbs(f.Key):
		if _, err := hostkey.ParseDigest(f.Key); err != nil {
			return fmt.Errorf(".forward.key: expected the path of the other listener's public key, or its digest: %w", err)
		}
	}
	for i, to := range f.To {
		if _, err := zmq.ParseEndpoint(to); err != nil {
			return fmt.Errorf(".forward.to[%d]: %w", i, err)
		}
	}
	if len(f.Enrol) > 0 && f.ServerKey == "" {
		return errors.New(".forward.enrol: goes with server_key, of whoever takes the key there")
	}
	for i, to := range f.Enrol {
		if _, err := zmq.ParseEndpoint(to); err != nil {
			return fmt.Errorf(".forward.enrol[%d]: %w", i, err)
		}
	}
	for i, bind := range f.Bind {
		if _, err := zmq.ParseBind(bind); err != nil {
			return fmt.Errorf(".forward.bind[%d]: %w", i, err)
		}
	}
	return nil
}

// name says where to; the handler puts "forward" before it.
func (f Forward) name() string {
	if len(f.Bind) > 0 {
		return fmt.Sprintf("%s bound to %s", f.Pattern, strings.Join(f.Bind, ", "))
	}
	return fmt.Sprintf("%s to %s", f.Pattern, strings.Join(f.To, ", "))
}

// relay holds the connections that forwarding handlers share.
type relay struct {
	clients   map[string]*zmq.Client // by the server_key of their forwards
	opener    *message.Opener        // of the next listeners' receipts
	size      int64
	pair      *hostkey.Pair
	curve     curvePair
	enrolment *enrolment
	senders   []*zmq.Sender
}

func newRelay(pair *hostkey.Pair, trust *hostkey.Trust, size int64, curve curvePair, e *enrolment) *relay {
	return &relay{pair: pair, clients: map[string]*zmq.Client{}, opener: &message.Opener{Keys: trust.Lookup, Limits: receiptLimits}, size: size, curve: curve, enrolment: e}
}

// client is the one for all that prove themselves by the same key, or that need not.
func (r *relay) client(serverKey string) (*zmq.Client, error) {
	if c, known := r.clients[serverKey]; known {
		return c, nil
	}
	curve, err := r.curve.client(serverKey)
	if err != nil {
		return nil, err
	}
	r.clients[serverKey] = zmq.NewClient(zmq.ClientOptions{MaxMessage: r.size, Curve: curve})
	return r.clients[serverKey], nil
}

// forward makes the handler that does what f says. What came encrypted was for
// this host's eyes: in the clear it does not leave it.
func (r *relay) forward(f Forward) (handler.Handler, error) {
	client, err := r.client(f.ServerKey)
	if err != nil {
		return nil, err
	}
	carry, err := r.carry(f, client)
	if err != nil {
		return nil, err
	}
	leaves := !f.local()
	return handler.NewForward(f.name(), func(ctx context.Context, m queue.Message) error {
		if m.Encrypted && leaves {
			return handler.Permanent(errors.New("it came encrypted, and would leave this host in the clear: have its sender send it to the other listener too"))
		}
		return r.admitted(ctx, f, client, func() error { return carry(ctx, m) })
	}), nil
}

// local tells whether all that f speaks to is on this host.
func (f Forward) local() bool {
	for _, to := range f.To {
		if e, err := zmq.ParseEndpoint(to); err != nil || !local(e) {
			return false
		}
	}
	for _, bind := range f.Bind {
		if e, err := zmq.ParseBind(bind); err != nil || !local(e) {
			return false
		}
	}
	return true
}

// receiver is the only listener whose receipts count; "" for whoever is trusted.
func (f Forward) receiver() (hostkey.Digest, error) {
	if !filepath.IsAbs(f.Key) {
		return hostkey.Digest(f.Key), nil // check has read it
	}
	key, err := hostkey.ReadPublic(f.Key)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	return key.Digest(), nil
}

func (r *relay) carry(f Forward, client *zmq.Client) (func(context.Context, queue.Message) error, error) {
	topic := func(m queue.Message) string {
		if f.Topic != "" {
			return f.Topic
		}
		return m.Schema
	}
	receiver, err := f.receiver()
	if err != nil {
		return nil, err
	}
	if len(f.Bind) > 0 {
		s, err := zmq.BindSender(zmq.SenderOptions{Pattern: f.Pattern, Binds: f.Bind, MaxMessage: r.size, Curve: r.curve.server(f.Curve, r.enrolment)})
		if err != nil {
			return nil, err
		}
		r.senders = append(r.senders, s)
		return func(ctx context.Context, m queue.Message) error { return s.Send(ctx, topic(m), m.Frame) }, nil
	}
	return map[string]func(context.Context, queue.Message) error{
		patternRequest: func(ctx context.Context, m queue.Message) error { return r.request(ctx, client, f, receiver, m) },
		patternPush:    func(ctx context.Context, m queue.Message) error { return client.Push(ctx, f.To, m.Frame) },
		patternPublish: func(ctx context.Context, m queue.Message) error {
			return inTurn(f.To, func(to string) error { return client.Publish(ctx, to, topic(m), m.Frame) })
		},
		patternPair: func(ctx context.Context, m queue.Message) error {
			return inTurn(f.To, func(to string) error {
				_, err := client.Pair(ctx, to, m.Frame, nil)
				return err
			})
		},
	}[f.Pattern], nil
}

// inTurn tries endpoints in order of preference until one takes it.
func inTurn(endpoints []string, try func(string) error) error {
	var failures []error
	for _, e := range endpoints {
		err := try(e)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// request forwards with a receipt: what the next listener has, this one need
// not send again, and what it refuses for good is refused here too.
func (r *relay) request(ctx context.Context, client *zmq.Client, f Forward, receiver hostkey.Digest, m queue.Message) error {
	return inTurn(f.To, func(endpoint string) error {
		answer, err := client.Request(ctx, endpoint, m.Frame)
		if err != nil {
			return err
		}
		receipt, err := provedReceipt(r.opener, receiver, f.ServerKey != "", answer, m.MessageID)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", endpoint, err)
		case receipt.Status != message.Refused:
			return nil
		case receipt.Code == message.Busy:
			return fmt.Errorf("%s is busy: %s", endpoint, receipt.Reason)
		}
		return handler.Permanent(fmt.Errorf("refused by %s: %s: %s", endpoint, receipt.Code, receipt.Reason))
	})
}

// receiptLimits bound the receipt of another listener: with a view as large as
// views are, in which a host's content lies up to five levels down.
var receiptLimits = message.Limits{Size: 5<<20 + 64<<10, Depth: message.DefaultLimits.Depth + 5}

// provedReceipt reads the answer to a message, which must be the receipt of a
// listener whose key the opener trusts, and of the receiver alone where one is
// named; proved says that the connection (CURVE) has shown who answers, so that it
// may be bare.
func provedReceipt(opener *message.Opener, receiver hostkey.Digest, proved bool, answer []byte, id string) (message.Receipt, error) {
	opened, err := opener.OpenListener(answer)
	if err == nil && opened.Sender == "" && !proved {
		err = errors.New("it is not signed")
	}
	if err == nil && opened.Sender != "" && receiver != "" && opened.Sender != receiver {
		err = fmt.Errorf("it is of %s, and key names %s", opened.Sender, receiver)
	}
	if err != nil {
		return message.Receipt{}, fmt.Errorf("the answer is no receipt of a listener whose key is trusted here: %w", err)
	}
	receipt, err := message.ParseReceipt(opened.Container)
	if err == nil && opened.Container.MessageID != id && receipt.Status != message.Refused {
		err = fmt.Errorf("the receipt is for message %s", opened.Container.MessageID)
	}
	return receipt, err
}

func (r *relay) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, c := range r.clients {
		errs = append(errs, c.Close())
	}
	for _, s := range r.senders {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
