package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/webhuis/cfengine-messages/message"
)

// What send reports where no receipt came: there was nothing to send, or a plain
// program answered. No listener says so, a receipt's status is another.
const (
	kept     message.Status = "kept"
	answered message.Status = "answered"
	handed   message.Status = "handed_over"
)

// shownReceipt is the receipt as send prints it for programs.
type shownReceipt struct {
	MessageID string          `json:"message_id,omitempty"`
	Endpoint  string          `json:"endpoint,omitempty"`
	Listener  string          `json:"listener,omitempty"` // who proved the receipt
	Status    message.Status  `json:"status"`
	Code      message.Code    `json:"code,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Wants     []string        `json:"wants,omitempty"`
	View      json.RawMessage `json:"view,omitempty"`
}

func printSent(out io.Writer, j job, s sent, asJSON bool) error {
	if s.err != nil && s.waits > 0 {
		return fmt.Errorf("not delivered: %w; it waits in the outbox", s.err)
	}
	if s.err != nil {
		return fmt.Errorf("not delivered: %w", s.err)
	}
	err := printReceipt(out, j, s, asJSON)
	if r := s.answer.receipt; r.Status == message.Refused {
		err = errors.Join(err, fmt.Errorf("%w: %s", errRefused, r.Code))
	}
	if s.aside != nil {
		err = errors.Join(err, fmt.Errorf("delivered, but %w", s.aside))
	}
	return err
}

func printReceipt(out io.Writer, j job, s sent, asJSON bool) error {
	r := s.answer.receipt
	if !asJSON {
		return printLines(out, j, s)
	}
	shown := shownReceipt{MessageID: s.id, Endpoint: s.answer.endpoint, Listener: string(s.answer.listener),
		Status: s.answer.status(), Code: r.Code, Reason: r.Reason, Wants: r.Wants}
	if r.View != nil {
		shown.View = r.View.Data
	}
	return encode(out, shown)
}

func (a answer) status() message.Status {
	if a.silent {
		return handed
	}
	if a.plain {
		return answered
	}
	return a.receipt.Status
}

// printLines is for people.
func printLines(out io.Writer, j job, s sent) error {
	r, proof := s.answer.receipt, "not proved by a key"
	switch a := s.answer; {
	case a.silent:
		proof = "which answers nothing"
	case a.listener != "":
		proof = "proved by " + string(a.listener)
	case a.curve:
		proof = "proved by its CURVE key"
	}
	lines := fmt.Sprintf("%s  message %s at %s, %s\n", s.answer.status(), s.id, j.where(s), proof)
	if r.Code != "" {
		lines += fmt.Sprintf("code     %s\n", r.Code)
	}
	if reason := s.answer.reason(); reason != "" {
		lines += fmt.Sprintf("reason   %s\n", reason)
	}
	if len(r.Wants) > 0 {
		lines += fmt.Sprintf("wants    %s\n", strings.Join(r.Wants, ", "))
	}
	if r.View != nil {
		lines += fmt.Sprintf("view     %s\n", j.replyFile)
	}
	return printText(out, lines)
}

func printKept(out io.Writer, j job, asJSON bool) error {
	if asJSON {
		return encode(out, shownReceipt{Status: kept})
	}
	return printText(out, fmt.Sprintf("%s  the listener holds this content: nothing was sent\n", kept))
}

// encode prints one JSON object on one line.
func encode(out io.Writer, shown shownReceipt) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(shown)
}
