package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// messageLine is a stored message as programs read it (DESIGN.md section 9,
// machine-readable forms).
type messageLine struct {
	Position   int64           `json:"position"`
	ReceivedAt string          `json:"received_at"`
	Pattern    string          `json:"pattern"`
	Sender     *string         `json:"sender"` // null when unsigned
	Peer       string          `json:"peer"`
	Schema     string          `json:"schema"`
	Version    string          `json:"version"`
	MessageID  string          `json:"message_id"`
	Encrypted  bool            `json:"encrypted,omitempty"` // it came so; what is shown was inside
	Container  json.RawMessage `json:"container"`
}

func newMessageLine(m queue.Message) (messageLine, error) {
	container, err := message.Payload(m.Frame)
	if err != nil {
		return messageLine{}, fmt.Errorf("message at position %d: %w", m.Position, err)
	}
	return messageLine{
		Position: m.Position, ReceivedAt: timeText(m.ReceivedAt), Pattern: m.Pattern, Sender: orNull(m.Sender),
		Peer: m.Peer, Schema: m.Schema, Version: m.Version, MessageID: m.MessageID, Encrypted: m.Encrypted, Container: container,
	}, nil
}

// timeText is RFC 3339 in UTC with microseconds, which sorts as text.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// writeJSON writes one object a line, without escaping what only HTML needs.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes rows in columns for people. What the cells hold came from the
// wire in part, so nothing in them reaches the terminal as more than text.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = visible(cell)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// visible writes what is not printable as Go's escapes: control characters,
// those that turn text around, bytes that are no UTF-8.
func visible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// lines is where JSON goes, a line each: stdout as it is, or, where people
// look at it, with JSON's escapes for what is not printable. JSON allows more
// of that unescaped than terminals are safe with.
func lines(c *cobra.Command) io.Writer {
	out := c.OutOrStdout()
	if isTerminal(out) {
		return escaping{out}
	}
	return out
}

// escaping is given whole lines.
type escaping struct{ out io.Writer }

func (e escaping) Write(line []byte) (int, error) {
	var b []byte
	for _, r := range string(line) {
		switch {
		case unicode.IsPrint(r) || r == '\n' || r == '\t':
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	if _, err := e.out.Write(b); err != nil {
		return 0, err
	}
	return len(line), nil
}
