// Package message is what both programs speak: the container, the envelope
// that proves its sender, the receipt that answers it, and the codes of
// refusal (DESIGN.md sections 3, 4 and 6).
//
// Bytes from the network enter through Opener.Open, at the listener, and
// Opener.OpenListener, at the module; both judge in the order of Codes and
// read nothing of a payload before its signature holds.
package message

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Container is the message itself, {"<schema>":{"message_id":…,"content":…,
// "version":…}} on the wire (DESIGN.md section 3).
type Container struct {
	Schema    string          // [a-z][a-z0-9_]{0,63}
	MessageID string          // [A-Za-z0-9._:-]{1,128}
	Version   string          // major.minor of the schema, without leading zeros
	Content   json.RawMessage // any JSON value, the very bytes
}

// NilID stands in a receipt for a message whose id is not known.
const NilID = "00000000-0000-0000-0000-000000000000"

// NewID makes a message id: a UUIDv7 (RFC 9562 section 5.7), which sorts by
// time and never repeats.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String()
}

// Encode gives the container's bytes, with the content verbatim. They are made
// once and never again: they are what is signed, sent and stored. Names, and
// the content under the strict guard, are checked; size and depth are the
// business of who knows the limits.
func (c Container) Encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	if err := CheckJSON(c.Content, Limits{Size: len(c.Content), Depth: anyDepth - 2}); err != nil {
		return nil, fmt.Errorf("container %s: content: %w", c.Schema, err)
	}
	b := make([]byte, 0, len(c.Schema)+len(c.MessageID)+len(c.Content)+len(c.Version)+48)
	b = append(b, `{"`...)
	b = append(b, c.Schema...)
	b = append(b, `":{"message_id":"`...)
	b = append(b, c.MessageID...)
	b = append(b, `","content":`...)
	b = append(b, c.Content...)
	b = append(b, `,"version":"`...)
	b = append(b, c.Version...)
	return append(b, `"}}`...), nil
}

// Framed gives the content of an accepted container where that is written as Encode
// writes it, with this schema, message id and version; nothing of it is read anew.
// That a container was accepted is what makes it sure: it has three members, of
// which the content is then the one between.
func Framed(b []byte, schema, messageID, version string) (content []byte, ok bool) {
	for _, part := range [...]string{`{"`, schema, `":{"message_id":"`, messageID, `","content":`} {
		if len(b) < len(part) || string(b[:len(part)]) != part {
			return nil, false
		}
		b = b[len(part):]
	}
	for _, part := range [...]string{`"}}`, version, `,"version":"`} {
		if len(b) < len(part) || string(b[len(b)-len(part):]) != part {
			return nil, false
		}
		b = b[:len(b)-len(part)]
	}
	return b, len(b) > 0 && b[0] > ' ' && b[len(b)-1] > ' '
}

// Decode reads a container strictly: exactly one schema id, exactly the three
// members, everything under the guard of CheckJSON. Depth counts the levels of
// the content, so that node and listener mean the same by a limit. Content is
// a part of b. The error is a *Refusal, TooLarge or Malformed.
func Decode(b []byte, l Limits) (Container, error) {
	l = l.orDefault()
	if len(b) > l.Size {
		return Container{}, tooLarge(len(b), l)
	}
	if c, ok := quickDecode(b, l.Depth); ok {
		return c, nil
	}
	var c Container
	if err := read(b, l.Depth+2, c.read); err != nil {
		return Container{}, err
	}
	return c, nil
}

func (c *Container) read(r *reader) error {
	err := r.object(func(name string) error {
		if c.Schema != "" {
			return r.fault("a second schema id; a container has one")
		}
		if c.Schema = name; !validName(name) {
			return r.fault("not a schema id; it is [a-z][a-z0-9_]{0,63}")
		}
		return r.object(func(name string) error { return c.member(r, name) })
	})
	if err != nil {
		return err
	}
	return c.check()
}

func (c *Container) member(r *reader, name string) (err error) {
	switch name {
	case "message_id":
		c.MessageID, err = r.text()
	case "content":
		c.Content, err = r.value()
	case "version":
		c.Version, err = r.text()
	default:
		err = r.fault("not a member of a container; it has message_id, content and version")
	}
	return err
}

// check judges what must be there and how it is written.
func (c Container) check() error {
	switch {
	case !validName(c.Schema):
		return fmt.Errorf("schema id %.64q; it is [a-z][a-z0-9_]{0,63}", c.Schema)
	case !validID(c.MessageID):
		return fmt.Errorf("/%s/message_id %.64q; it is required, [A-Za-z0-9._:-]{1,128}", c.Schema, c.MessageID)
	case len(c.Content) == 0:
		return fmt.Errorf("/%s/content is missing; it is any JSON value", c.Schema)
	case !validVersion(c.Version):
		return fmt.Errorf("/%s/version %.64q; it is required, major.minor as in \"1.0\"", c.Schema, c.Version)
	}
	return nil
}

// validName is the grammar of schema ids and view names.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && s[0] >= 'a' && s[0] <= 'z' &&
		nameLetters.hold(s)
}

func validID(s string) bool {
	return s != "" && len(s) <= 128 &&
		idLetters.hold(s)
}

// validVersion is major.minor, five digits at most each, no leading zeros.
func validVersion(s string) bool {
	major, minor, found := strings.Cut(s, ".")
	return found && validCount(major) && validCount(minor)
}

func validCount(s string) bool {
	return s != "" && len(s) <= 5 && digitLetters.hold(s) && (s == "0" || s[0] != '0')
}

// alphabet is a set of bytes.
type alphabet [256]bool

// The alphabets of what every message has.
var (
	nameLetters  = newAlphabet("abcdefghijklmnopqrstuvwxyz0123456789_")
	idLetters    = newAlphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
	digitLetters = newAlphabet("0123456789")
)

func newAlphabet(letters string) (a alphabet) {
	for _, c := range []byte(letters) {
		a[c] = true
	}
	return a
}

func (a *alphabet) hold(s string) bool {
	for i := range len(s) {
		if !a[s[i]] {
			return false
		}
	}
	return true
}

func only(s, allowed string) bool {
	return strings.Trim(s, allowed) == ""
}
