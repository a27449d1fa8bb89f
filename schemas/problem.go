package schemas

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Bounds, in characters, of what a refusal shows. It travels in a receipt,
// stands in logs and is read by people, and parts of it are the sender's.
const (
	maxProblems = 5
	maxPointer  = 120
	maxFound    = 40
	maxText     = 240
)

// Problem is one thing wrong in a content. Neither field holds control
// characters, and both are bounded in length.
type Problem struct {
	Pointer  string // JSON pointer (RFC 6901) into the content; "" is the whole
	Expected string // what was expected and what was found, a clause for people
}

func (p Problem) String() string {
	if p.Pointer == "" {
		return p.Expected
	}
	return p.Pointer + ": " + p.Expected
}

// Invalid says that a content does not fit its schema, and where. The problems
// are in the order of their pointers, the same at every try.
type Invalid struct {
	Schema, Version string
	Problems        []Problem // at most five
	More            int       // how many there are beyond those
}

// Error tells all problems in one line.
func (e *Invalid) Error() string {
	told := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		told[i] = p.String()
	}
	line := e.Schema + " " + e.Version + ": " + strings.Join(told, "; ")
	if e.More > 0 {
		line += fmt.Sprintf("; and %d more", e.More)
	}
	return line
}

// found describes a value so that nobody needs to see all of it.
func found(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean " + strconv.FormatBool(v)
	case json.Number:
		return "number " + clean(v.String(), maxFound)
	case string:
		return "string " + quote(v)
	case []any:
		return fmt.Sprintf("array of %d", len(v))
	default:
		return "object"
	}
}

func quote(s string) string { return strconv.Quote(cut(s, maxFound)) }

// clean bounds a text and takes out what could steer a terminal or break a
// line: control characters, and the invisible ones that turn text around.
func clean(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, cut(s, limit))
}

func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
