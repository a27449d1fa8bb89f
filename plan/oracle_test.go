package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// validator is what a plan must never contradict: v5, set as package schemas
// sets it.
type validator struct{ compiled *jsonschema.Schema }

func newValidator(schema []byte) (v validator, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	c.LoadURL = func(string) (io.ReadCloser, error) { return nil, errors.New("nothing is fetched") }
	if err := c.AddResource("urn:test", bytes.NewReader(schema)); err != nil {
		return v, err
	}
	v.compiled, err = c.Compile("urn:test")
	return v, err
}

func (v validator) accepts(content []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	value, err := decode(content)
	return err == nil && v.compiled.Validate(value) == nil
}

func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more follows")
	}
	return v, nil
}

func formats(name string) func(string) bool {
	check := jsonschema.Formats[name]
	if check == nil {
		return nil
	}
	return func(text string) bool { return check(text) }
}

// agree fails where the plan says more than the validator, and tells whether it
// decided by itself. What it holds for broken must be refused too: a not or an
// else may rest upon it.
func agree(t *testing.T, schema []byte, v validator, content []byte) (decided bool) {
	t.Helper()
	p, planned := mustPlan(t, schema), fits
	if p == nil {
		return false
	}
	w := walker{src: content}
	end, planned := w.value(p.root, w.space(0))
	if end == nowhere || w.lost || w.space(end) != len(content) {
		planned = unsure
	}
	if p.Accepts(content) != (planned == fits) {
		t.Fatalf("%s\n%s\nAccepts differs from the walk", schema, content)
	}
	if planned == unsure {
		return false
	}
	if (planned == fits) != v.accepts(content) {
		t.Fatalf("schema %s\ncontent %s\nthe plan says fits: %v, the validator otherwise", schema, content, planned == fits)
	}
	return true
}

func mustPlan(t *testing.T, schema []byte) *Plan {
	t.Helper()
	doc, err := decode(schema)
	if err != nil {
		t.Fatal(err)
	}
	return New(doc, formats)
}
