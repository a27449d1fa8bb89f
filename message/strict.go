package message

import (
	"bytes"
	"strconv"
)

// Limits bound a document before anything else looks at it. A field that is
// zero means its default.
type Limits struct {
	Size  int // bytes of the document
	Depth int // levels of nesting of a content: a scalar has none, {} has one
}

// DefaultLimits are those of an unconfigured listener (DESIGN.md section 9).
var DefaultLimits = Limits{Size: 1 << 20, Depth: 32}

func (l Limits) orDefault() Limits {
	if l.Size == 0 {
		l.Size = DefaultLimits.Size
	}
	if l.Depth == 0 {
		l.Depth = DefaultLimits.Depth
	}
	return l
}

const (
	// numberLimit and exponentLimit keep json.Number from jsonschema v5, which
	// panics on 1e10000000 and needs seconds for long ones (facts/storage.md 7.2).
	numberLimit   = 40
	exponentLimit = 308
	// anyDepth is jsontext's own bound, for what was bounded before.
	anyDepth = 10000
)

// CheckJSON tells whether b is one JSON value that every part of the system
// reads alike: UTF-8 without lone surrogates, no key twice in an object, no
// U+0000 in a string (PostgreSQL cannot store it), numbers of at most 40 bytes
// that fit a double with an exponent of at most 308, nesting and size within l,
// and nothing after the value but white space. Keys differ by case.
//
// The error is a *Refusal, TooLarge or Malformed, that names the place by
// JSON pointer or byte offset. Sources: DESIGN.md section 3, RFC 7493 (I-JSON),
// facts/storage.md 6.2 and 7.2.
func CheckJSON(b []byte, l Limits) error {
	l = l.orDefault()
	if len(b) > l.Size {
		return tooLarge(len(b), l)
	}
	if quickCheck(b, l.Depth) {
		return nil
	}
	return read(b, l.Depth, func(r *reader) error {
		_, err := r.value()
		return err
	})
}

func tooLarge(size int, l Limits) *Refusal {
	return refuse(TooLarge, "%d bytes; the limit is %d: send less at once, or raise the limit", size, l.Size)
}

// hasNUL tells whether a quoted JSON string holds U+0000. A raw one is
// no JSON, so only the escape can bring it.
func hasNUL(quoted []byte) bool {
	for {
		i := bytes.IndexByte(quoted, '\\')
		if i < 0 || i+1 >= len(quoted) {
			return false
		}
		if bytes.HasPrefix(quoted[i+1:], []byte("u0000")) {
			return true
		}
		quoted = quoted[i+2:] // past the escaped character, which may be a backslash
	}
}

// numberFault says what is wrong with a number, "" when nothing is.
func numberFault(number []byte) string {
	if len(number) > numberLimit {
		return "a number of more than 40 bytes; send it as a string"
	}
	i := bytes.IndexAny(number, "eE")
	if i < 0 {
		return "" // 40 digits are far within a double's range
	}
	exponent, err := strconv.Atoi(string(number[i+1:]))
	if err != nil || exponent > exponentLimit || exponent < -exponentLimit {
		return "a number with an exponent beyond 308; send it as a string"
	}
	if _, err := strconv.ParseFloat(string(number), 64); err != nil {
		return "a number that no double holds; send it as a string"
	}
	return ""
}
