package main

import (
	"cmp"
	"encoding/json"
	"time"
)

// listed is a message of the outbox as it is shown (DESIGN.md section 9, outbox
// list), and as it is remembered when it was dropped.
type listed struct {
	Promiser  string          `json:"promiser"`
	Schema    string          `json:"schema"`
	MessageID string          `json:"message_id"`
	To        []string        `json:"to"`
	QueuedAt  time.Time       `json:"queued_at"`
	ExpiresAt time.Time       `json:"expires_at"`
	Priority  int             `json:"priority"`
	Tries     int             `json:"tries"`
	LastError string          `json:"last_error"`
	Content   json.RawMessage `json:"content,omitempty"`
	DroppedAt time.Time       `json:"dropped_at,omitzero"`
	Dropped   string          `json:"dropped,omitempty"` // why it is no longer there
}

// list gives what is known of a waiting message, with what runs have noted. Of
// one whose frame cannot be read it is the rest.
func (w waiting) list(noted tried) listed {
	c, _ := w.container()
	l := listed{Promiser: w.Promiser, Schema: c.Schema, MessageID: c.MessageID, To: w.To, QueuedAt: w.QueuedAt, ExpiresAt: w.ExpiresAt,
		Priority: w.Priority, Tries: noted.Times, LastError: cmp.Or(noted.Why, w.Why), Content: c.Content}
	if w.Why != "" { // it was tried before it came here
		l.Tries++
	}
	return l
}
