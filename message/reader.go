package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// reader walks a JSON text once, under the strict guard, and hands out what
// lies in it. jsontext sees to syntax, UTF-8, surrogates and repeated keys;
// reader to depth, numbers and U+0000.
type reader struct {
	dec   jsontext.Decoder
	buf   bytes.Buffer
	src   []byte
	depth int // levels allowed
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// read lets f take the one value of src. Its error is a *Refusal: Malformed.
func read(src []byte, depth int, f func(*reader) error) error {
	r := readers.Get().(*reader)
	defer r.release()
	r.src, r.depth = src, depth
	r.buf = *bytes.NewBuffer(src)
	r.dec.Reset(&r.buf)
	err := f(r)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return refuse(Malformed, "%s", explain(err))
	}
	return nil
}

func (r *reader) release() {
	r.src, r.buf = nil, bytes.Buffer{}
	r.dec.Reset(&r.buf)
	readers.Put(r)
}

// end asks for nothing but white space after the value.
func (r *reader) end() error {
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return fmt.Errorf("bytes after the JSON value (byte %d); send one value", r.dec.InputOffset())
	}
	return nil
}

// value passes over one value of any shape and returns its very bytes.
func (r *reader) value() (json.RawMessage, error) {
	start, level := r.dec.InputOffset(), r.dec.StackDepth()
	for {
		if err := r.step(); err != nil {
			return nil, err
		}
		if r.dec.StackDepth() == level {
			return bytes.TrimLeft(r.src[start:r.dec.InputOffset()], ":, \t\r\n"), nil
		}
	}
}

// step takes one token and judges it.
func (r *reader) step() error {
	switch r.dec.PeekKind() {
	case '{', '[':
		return r.enter()
	case '"':
		quoted, err := r.dec.ReadValue()
		if err == nil && hasNUL(quoted) {
			return r.fault(`\u0000 in a string; no database stores it: leave it out`)
		}
		return err
	case '0':
		number, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		if fault := numberFault(number); fault != "" {
			return r.fault("%s", fault)
		}
		return nil
	}
	_, err := r.dec.ReadToken()
	return err
}

func (r *reader) enter() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if r.dec.StackDepth() > r.depth {
		return r.fault("nested deeper than the limit; flatten it")
	}
	return nil
}

// object takes an object: member is called with each name as it is written
// and must take the value.
func (r *reader) object(member func(name string) error) error {
	return r.each('{', "an object", func() error {
		quoted, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		return member(string(quoted[1 : len(quoted)-1]))
	})
}

// array takes an array: element is called before each element and must take it.
func (r *reader) array(element func() error) error {
	return r.each('[', "an array", element)
}

func (r *reader) each(open jsontext.Kind, what string, next func() error) error {
	if kind := r.dec.PeekKind(); kind != open {
		return r.unexpected(what)
	}
	if err := r.enter(); err != nil {
		return err
	}
	for {
		switch r.dec.PeekKind() {
		case '}', ']':
			_, err := r.dec.ReadToken()
			return err
		}
		if err := next(); err != nil {
			return err
		}
	}
}

// unexpected takes the value that is not of the right kind, so that a fault
// of syntax is told rather than a fault of kind, and the place is the value's.
func (r *reader) unexpected(what string) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	return r.fault("expected %s", what)
}

// fault is an error with its place: what was read last.
func (r *reader) fault(format string, args ...any) error {
	place := string(r.dec.StackPointer())
	return fmt.Errorf("at %.100q (byte %d): %s", place, r.dec.InputOffset(), fmt.Sprintf(format, args...))
}

// explain puts jsontext's errors in words of our own where an administrator
// would not understand them.
func explain(err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case err == io.EOF:
		return "empty; a JSON value is expected"
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return fmt.Sprintf("at %.100q (byte %d): this key occurs twice; give each key once",
			string(syntax.JSONPointer), syntax.ByteOffset)
	case errors.As(err, &syntax):
		return fmt.Sprintf("at %.100q (byte %d): %v; send valid JSON",
			string(syntax.JSONPointer), syntax.ByteOffset, syntax.Err)
	}
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}
