package message

import (
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
)

// ReceiptSchema and the two versions name the container of a receipt. It is of
// the second where it names the epoch of the listener's store.
const (
	ReceiptSchema       = "receipt"
	ReceiptVersion      = "1.0"
	ReceiptEpochVersion = "1.1"
)

// Bounds of schemas/receipt.
const (
	receiptReasonLimit = 4000 // bytes; the schema allows 4096 characters
	wantsLimit         = 256
)

// Status is what became of a message at a listener.
type Status string

const (
	// Stored: on disk, fsynced.
	Stored Status = "stored"
	// Duplicate: it was stored before; to the sender as good as Stored.
	Duplicate Status = "duplicate"
	// Refused: Code and Reason say why.
	Refused Status = "refused"
)

// Receipt is the listener's answer to one message (DESIGN.md section 6).
type Receipt struct {
	Status Status
	Code   Code     // when Refused
	Reason string   // when Refused; may be empty; cut after 4000 bytes
	Wants  []string // schema ids that the listener lacks about this sender, at most 256, each once
	View   *View    // what the feed answers with, nil for nothing
	// Epoch names the life of the listener's store, [A-Za-z0-9_-]{1,64}; "" where
	// it is not told. Another one than before means that what was stored before
	// is not there any more.
	Epoch string
}

// View is data that policy on the node may use.
type View struct {
	Name string          // [a-z][a-z0-9_]{0,63}: it names a file on the node
	Data json.RawMessage // a JSON object or array, the very bytes
}

// Container wraps the receipt as the answer to the message of that id; NilID
// stands in for one that is not known or no id. Encode finds what is wrong
// with View.Data.
func (r Receipt) Container(messageID string) Container {
	if !validID(messageID) {
		messageID = NilID
	}
	version := ReceiptVersion
	if r.Epoch != "" {
		version = ReceiptEpochVersion
	}
	return Container{Schema: ReceiptSchema, MessageID: messageID, Version: version, Content: r.content()}
}

// content is written by hand so that the view's bytes stay as they are.
func (r Receipt) content() []byte {
	b := appendMember(nil, `{"status":`, string(r.Status))
	if r.Code != "" {
		b = appendMember(b, `,"code":`, string(r.Code))
	}
	if r.Reason != "" {
		b = appendMember(b, `,"reason":`, clip(r.Reason, receiptReasonLimit))
	}
	for i, id := range r.Wants {
		b = appendMember(b, wantsLead(i), id)
	}
	if len(r.Wants) > 0 {
		b = append(b, ']')
	}
	if r.View != nil {
		b = appendMember(b, `,"view":{"name":`, r.View.Name)
		b = append(b, `,"data":`...)
		b = append(b, r.View.Data...)
		b = append(b, '}')
	}
	if r.Epoch != "" {
		b = appendMember(b, `,"epoch":`, r.Epoch)
	}
	return append(b, '}')
}

func wantsLead(i int) string {
	if i == 0 {
		return `,"wants":[`
	}
	return ","
}

func appendMember(b []byte, lead, text string) []byte {
	b = append(b, lead...)
	b, _ = jsontext.AppendQuote(b, text) // its error says that invalid UTF-8 was replaced
	return b
}
