package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Limits of what is handed to the validator. A number beyond them makes v5
// burn seconds or crash (facts/storage.md 7.2), so none ever reaches it.
const (
	maxDepth    = 64  // levels of nesting, of content as of a schema
	maxNumber   = 40  // bytes of one number
	maxExponent = 308 // of one number, either way: what a float64 holds
)

// Validate checks content, which is one JSON value. The error is *Invalid when
// the content does not fit; any other says that the schema itself cannot be
// used (see Compile), which is no fault of the sender.
//
// Content that comes from outside must have passed the strict guard of package
// message: a repeated key is not seen here, the last one counts.
func (s *Schema) Validate(content []byte) error {
	if s.builtin && s.accepts(content) {
		return nil
	}
	if err := s.Compile(); err != nil {
		return err
	}
	if !s.builtin && s.accepts(content) {
		return nil
	}
	return s.ask(content)
}

// ask lets v5 decide what the plan leaves open.
func (s *Schema) ask(content []byte) error {
	v, err := decode(content)
	if err != nil {
		return s.refuse(Problem{Expected: "expected one JSON value: " + clean(err.Error(), maxText)})
	}
	if p := guard(v, maxDepth); p != nil {
		return s.refuse(*p)
	}
	return s.validate(v)
}

// validate turns a panic of v5 into a refusal: whatever a sender found to
// crash the validator costs that message, never the program.
func (s *Schema) validate(v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.refuse(Problem{Expected: "content that the validator cannot take: " + clean(fmt.Sprint(r), maxText)})
		}
	}()
	err = s.compiled.Validate(v)
	var refused *jsonschema.ValidationError
	if errors.As(err, &refused) {
		return s.invalid(refused, v)
	}
	return err
}

func (s *Schema) refuse(p Problem) error {
	p.Pointer = clean(p.Pointer, maxPointer)
	return &Invalid{Schema: s.ID, Version: s.Version, Problems: []Problem{p}}
}

// decode keeps numbers as they were written: integers over 2^53 must survive.
func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more follows after the first")
	}
	return v, nil
}

// guard returns the first thing that must not reach the validator. The pointer
// is put together on the way back, so that content without fault costs nothing.
func guard(v any, depth int) *Problem {
	if depth < 0 {
		return &Problem{Expected: fmt.Sprintf("expected at most %d levels of nesting", maxDepth)}
	}
	switch v := v.(type) {
	case json.Number:
		return guardNumber(string(v))
	case map[string]any:
		for name, member := range v {
			if p := guard(member, depth-1); p != nil {
				p.Pointer = "/" + escape(name) + p.Pointer
				return p
			}
		}
	case []any:
		for i, item := range v {
			if p := guard(item, depth-1); p != nil {
				p.Pointer = "/" + itoa(i) + p.Pointer
				return p
			}
		}
	}
	return nil
}

func guardNumber(n string) *Problem {
	exponent := 0
	var err error
	if i := strings.IndexAny(n, "eE"); i >= 0 {
		exponent, err = strconv.Atoi(n[i+1:])
	}
	if err == nil && len(n) <= maxNumber && exponent >= -maxExponent && exponent <= maxExponent {
		return nil
	}
	return &Problem{Expected: fmt.Sprintf("expected a number of at most %d characters with an exponent from -%d to %d, found %s; send it as a string",
		maxNumber, maxExponent, maxExponent, clean(n, maxFound))}
}
