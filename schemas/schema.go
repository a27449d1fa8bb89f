package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/webhuis/cfengine-messages/plan"
)

// urn is what the $id of every schema begins with (DESIGN.md section 8).
const urn = "urn:cfengine-messages:schema:"

// Entity is what a message of a schema is about (x-entity, DESIGN.md section 8):
// either the sender itself, or the values of the named properties, which are
// top-level and required.
type Entity struct {
	Sender     bool
	Properties []string
}

// Schema is one version of the template of a container's content. It is made
// by a Registry, is safe for concurrent use, and must not be changed.
type Schema struct {
	ID, Version        string
	Title, Description string
	Kind               Kind
	Entity             Entity
	Unique             []string // x-unique: properties that no two entities should share
	Document           []byte   // the file's exact bytes
	File               string   // where it was read; "built-in:<id>/<version>.json" for those of this project

	doc      map[string]any // Document decoded, for the plan and for the words of a refusal
	builtin  bool           // of this project, whose tests compile it
	planned  sync.Once
	plan     *plan.Plan
	once     sync.Once
	compiled *jsonschema.Schema
	err      error
}

// Compile makes the schema ready for every content, once; Validate does it where
// nobody has, for a built-in schema only once its plan leaves something open. A listener calls it at its start, so that a schema that cannot be
// used is told then and not by the first message. The error names the file and,
// for what the meta-schema refuses, the JSON pointer.
func (s *Schema) Compile() error {
	s.once.Do(func() {
		compiled, err := compile(urn+s.ID+":"+s.Version, s.Document)
		if err != nil {
			err = s.compileError(err)
		}
		s.compiled, s.err = compiled, err
	})
	return s.err
}

func compile(id string, document []byte) (*jsonschema.Schema, error) {
	return compileAt(id, "", document)
}

// compileAt compiles the schema at a JSON pointer into the document. It turns a
// panic into an error: v5 has some on odd documents.
func compileAt(id, pointer string, document []byte) (compiled *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil {
			compiled, err = nil, fmt.Errorf("the validator cannot take this schema: %v", r)
		}
	}()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	c.LoadURL = func(address string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("$ref to %s: nothing is fetched; copy it under $defs", clean(address, maxPointer))
	}
	if err := c.AddResource(id, bytes.NewReader(document)); err != nil {
		return nil, err
	}
	return c.Compile(id + (&url.URL{Fragment: pointer}).String())
}

// compileError tells one line for each problem. It is never an *Invalid, which
// would blame the content.
func (s *Schema) compileError(err error) error {
	var refused *jsonschema.ValidationError
	if errors.As(err, &refused) {
		var faults []error
		for _, p := range s.invalid(refused, s.doc).Problems {
			faults = append(faults, fmt.Errorf("%s: %s", s.File, p))
		}
		return errors.Join(faults...)
	}
	var compiling *jsonschema.SchemaError
	if errors.As(err, &compiling) {
		err = compiling.Err
	}
	return fmt.Errorf("%s: %s", s.File, strings.TrimPrefix(err.Error(), "jsonschema: "))
}
