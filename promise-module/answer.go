package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// answer is what came back for a message, understood.
type answer struct {
	receipt  message.Receipt
	listener hostkey.Digest // who proved the receipt; empty when nobody did
	curve    bool           // whoever answered had proved itself by CURVE
	plain    bool           // no receipt at all: a program that only answers, which counts as stored
	silent   bool           // no answer at all: the pattern has none
	endpoint string
}

// refusal is the listener's word in one clause.
func (a answer) refusal() string {
	if reason := a.reason(); reason != "" {
		return string(a.receipt.Code) + ": " + reason
	}
	return string(a.receipt.Code)
}

// reason is the listener's, or what the code means.
func (a answer) reason() string {
	if a.receipt.Reason != "" {
		return a.receipt.Reason
	}
	return unspoken[a.receipt.Code]
}

// unspoken says what a refusal means where the listener gives no reason,
// because it does not know who asks.
var unspoken = map[message.Code]string{
	message.Unsigned:      "the listener takes signed messages only: leave out sign => \"false\"",
	message.UnknownSender: "the listener does not trust this host's key: bootstrap to the hub, or have it approved there (cf-messaged keys approve, with the digest that messages key shows)",
	message.BadSignature:  "the signature does not hold under the key that the listener has of this host: was the host's key replaced?",
	message.TooLarge:      "the message is larger than the listener takes: say less in one, or have its limits raised",
	message.Malformed:     "the listener cannot read it as an envelope or a container: is it another version's?",
	message.Busy:          "the listener takes no more at the moment",
}

// receiptLimits bound an answer: a view as large as CFEngine reads. In it the
// content of a host, as deep as any may be, lies up to five levels down: view,
// data, container, row, column.
var receiptLimits = message.Limits{Size: maxView + 64<<10, Depth: message.DefaultLimits.Depth + 5}

// reader understands answers to one message.
type reader struct {
	messageID string
	sent      []byte                                          // the frame that was sent
	required  *hostkey.PublicKey                              // the listener's key where policy names it
	curve     bool                                            // the connection has proved who answers, as policy wants it
	own       func() (*hostkey.Pair, error)                   // opens what is encrypted to this host
	trusted   func(hostkey.Digest) (*hostkey.PublicKey, bool) // the keys this host trusts
	certs     *message.Certs                                  // of listeners, verified in this run
	now       func() time.Time
}

// envelopeStart begins every envelope: it is {" in the header's base64.
var envelopeStart = []byte("eyJ")

// read takes what a listener or any REP program answers. Where the listener's
// key is known, only a receipt proved by it counts, or by the connection, and
// nothing else is looked at (DESIGN.md section 6); a plain program's answer
// counts as delivery otherwise.
func (r reader) read(frame []byte) (answer, error) {
	a, err := r.open(frame)
	a.curve = r.curve
	return a, err
}

func (r reader) open(frame []byte) (answer, error) {
	if bytes.HasPrefix(frame, envelopeStart) && message.IsEncrypted(frame) && !bytes.Equal(frame, r.sent) {
		return r.encrypted(frame)
	}
	return r.clear(frame)
}

// encrypted takes what only this host can open, as a listener answers what came
// encrypted.
func (r reader) encrypted(frame []byte) (answer, error) {
	own, err := r.own()
	if err != nil {
		return answer{}, err
	}
	envelope, err := message.Decrypt(frame, own, receiptLimits)
	if err != nil {
		return answer{}, fmt.Errorf("the answer is encrypted, and not so that this host can open it: %w", err)
	}
	return r.clear(envelope)
}

func (r reader) clear(frame []byte) (answer, error) {
	if r.required != nil {
		return r.proved(frame)
	}
	if bytes.Equal(frame, r.sent) {
		return answer{plain: true, receipt: message.Receipt{Status: message.Stored}}, nil // an echo is no view
	}
	if bytes.HasPrefix(frame, envelopeStart) {
		return r.sealed(frame)
	}
	if c, err := message.Decode(frame, receiptLimits); err == nil && c.Schema == message.ReceiptSchema {
		return r.receipt(c, "")
	}
	return plainAnswer(frame), nil
}

// proved takes the receipt of the listener that policy names.
func (r reader) proved(frame []byte) (answer, error) {
	name := r.required.Digest()
	if c, err := message.Decode(frame, receiptLimits); r.curve && err == nil && c.Schema == message.ReceiptSchema {
		return r.receipt(c, "")
	}
	if message.IsBare(frame) {
		return answer{}, fmt.Errorf("the answer is not a receipt of the listener %s: it is not signed, so it does not count as delivery", name)
	}
	opener := message.Opener{Now: r.now, Limits: receiptLimits, Certs: r.certs, Keys: func(d hostkey.Digest) (*hostkey.PublicKey, bool) {
		return r.required, d == name
	}}
	opened, err := opener.OpenListener(frame)
	if err != nil {
		return answer{}, fmt.Errorf("the answer is not a receipt of the listener %s (%w): it does not count as delivery", name, err)
	}
	return r.receipt(opened.Container, opened.Sender)
}

// sealed takes a receipt of whatever listener answers. One whose key this host
// has must hold; of another's nobody can say more than what is written in it.
func (r reader) sealed(frame []byte) (answer, error) {
	known := false
	opener := message.Opener{Now: r.now, Limits: receiptLimits, Certs: r.certs, Keys: func(d hostkey.Digest) (key *hostkey.PublicKey, ok bool) {
		key, known = r.trusted(d)
		return key, known
	}}
	opened, err := opener.OpenListener(frame)
	if err != nil && !known {
		opened.Container, err = unproved(frame)
	}
	if err != nil {
		return answer{}, fmt.Errorf("the receipt does not hold: %w", err)
	}
	return r.receipt(opened.Container, opened.Sender)
}

func unproved(frame []byte) (message.Container, error) {
	payload, err := message.Payload(frame)
	if err != nil {
		return message.Container{}, err
	}
	return message.Decode(payload, receiptLimits)
}

func (r reader) receipt(c message.Container, proved hostkey.Digest) (answer, error) {
	receipt, err := message.ParseReceipt(c)
	if err != nil {
		return answer{}, fmt.Errorf("the receipt is malformed: %w", err)
	}
	unknown := c.MessageID == message.NilID && receipt.Status == message.Refused
	if c.MessageID != r.messageID && !unknown {
		return answer{}, fmt.Errorf("the receipt is for message %s, not for %s", c.MessageID, r.messageID)
	}
	receipt.Reason = printable(receipt.Reason)
	return answer{receipt: receipt, listener: proved}, nil
}

// printable keeps a terminal safe from what others wrote.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// plainAnswer takes a plain program's answer as the view where it is a JSON
// object or array, as the first listeners answered a feed with the host's view.
func plainAnswer(frame []byte) answer {
	a := answer{plain: true, receipt: message.Receipt{Status: message.Stored}}
	isContainer := len(frame) > 0 && (frame[0] == '{' || frame[0] == '[')
	if isContainer && message.CheckJSON(frame, message.Limits{Size: maxView, Depth: message.DefaultLimits.Depth}) == nil {
		a.receipt.View = &message.View{Name: "answer", Data: json.RawMessage(frame)}
	}
	return a
}
