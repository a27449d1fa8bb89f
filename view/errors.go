package view

import (
	"errors"
	"fmt"
)

// ErrNotFound is all that is learned by who asks for a view that is not there,
// or is not for him (facts: who has no right learns nothing).
var ErrNotFound = errors.New("no such view")

// ErrBusy means that all readers of the truth were in use for as long as one may
// wait. It passes.
var ErrBusy = errors.New("too many views are asked for at once: try again later")

// LimitError means that a view has more to say than it may.
type LimitError struct {
	View, Container string
	What            string // "10000 rows", "5242880 bytes", "2s"
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("view %s: container %s takes more than %s: narrow its SQL", e.View, e.Container, e.What)
}

// ParameterError means that a question has other parameters than the view. Its
// text may travel to who asked, who had the right to.
type ParameterError struct{ View, Reason string }

func (e *ParameterError) Error() string { return fmt.Sprintf("view %s: %s", e.View, e.Reason) }

// place is where something stands in a view's file. The zero value is nowhere.
type place struct {
	file         string
	line, column int
	block        bool // a literal block (|), whose text begins on the next line
}

// fault tells what is wrong there.
func (p place) fault(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if p.line == 0 {
		return fmt.Errorf("%s: %s", p.file, text)
	}
	return fmt.Errorf("%s:%d:%d: %s", p.file, p.line, p.column, text)
}

// within is the place of a byte of the text that begins at p. Only a block keeps
// the lines that its text has in the file.
func (p place) within(text string, offset int) place {
	if !p.block {
		return p
	}
	p.line++
	for _, c := range []byte(text[:min(offset, len(text))]) {
		if c == '\n' {
			p.line++
		}
	}
	return p
}
