package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Code says in one word why a message was refused. It travels in receipts
// and stands in dead letters (DESIGN.md section 6).
type Code string

// The codes, in the order in which they are found.
const (
	// TooLarge: a frame or container over the size limit; nothing of it was read.
	TooLarge Code = "too_large"
	// Malformed: not an envelope or container of this design: framing, JSON,
	// header fields, ids, a lifetime over the limit.
	Malformed Code = "malformed"
	// Unsigned: a bare container where the feed wants a signature.
	Unsigned Code = "unsigned"
	// UnknownSender: the kid is not a trusted key's.
	UnknownSender Code = "unknown_sender"
	// BadSignature: it does not hold under that key, or is of another algorithm.
	BadSignature Code = "bad_signature"
	// NotForMe: aud names another host.
	NotForMe Code = "not_for_me"
	// Expired: exp has passed, or iat is still to come.
	Expired Code = "expired"
	// UnknownSchema: no such schema, version or feed.
	UnknownSchema Code = "unknown_schema"
	// Denied: this sender may not send this schema.
	Denied Code = "denied"
	// InvalidContent: the schema refuses the content.
	InvalidContent Code = "invalid_content"
	// Busy: a limit or the disk; the same message may pass later.
	Busy Code = "busy"
)

// Codes lists every code in the order in which they are found: a message with
// several faults is refused for the first of them.
var Codes = []Code{
	TooLarge, Malformed, Unsigned, UnknownSender, BadSignature, NotForMe,
	Expired, UnknownSchema, Denied, InvalidContent, Busy,
}

// Refusal is the error of a message that is not accepted.
type Refusal struct {
	Code Code
	// Reason tells the sender what to do about it. It is empty where the
	// sender is not proved: who has no right learns nothing beyond the code
	// (DESIGN.md section 6).
	Reason string
	// Detail tells the operator alone what Reason withholds: it belongs in
	// dead letters and logs, never in a receipt.
	Detail string
}

// Error gives the code and what is known about it, for an operator's eyes.
func (r *Refusal) Error() string {
	switch {
	case r.Reason != "":
		return string(r.Code) + ": " + r.Reason
	case r.Detail != "":
		return string(r.Code) + ": " + r.Detail
	}
	return string(r.Code)
}

// reasonLimit bounds what a refusal of this package says, in bytes: it quotes
// what others wrote.
const reasonLimit = 400

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: clip(fmt.Sprintf(format, args...), reasonLimit)}
}

// refuseStranger refuses one whose signature proves nothing.
func refuseStranger(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: clip(fmt.Sprintf(format, args...), reasonLimit)}
}

// within says in which part the fault lies that err tells.
func within(part string, err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return refuse(r.Code, "%s: %s", part, r.Reason)
	}
	return refuse(Malformed, "%s: %v", part, err)
}

// clip makes s fit for a receipt: of at most limit bytes and an ellipsis, valid
// UTF-8, without NUL, which the strict guard at the other end would refuse.
func clip(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
