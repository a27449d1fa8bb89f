package main

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// member is one of a JSON object, with the very bytes of its name and value:
// what others wrote is never spelled anew.
type member struct {
	name    string
	rawName jsontext.Value
	value   jsontext.Value
}

// document is a JSON object whose members keep their order.
type document []member

// parseDocument reads one JSON object, which may be followed by white space.
func parseDocument(data []byte) (document, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return nil, errors.Join(errors.New("expected an object"), err)
	}
	var all document
	for d.PeekKind() == '"' {
		rawName, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		rawName = rawName.Clone()
		name, err := jsontext.AppendUnquote(nil, rawName)
		if err != nil {
			return nil, err
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		all = append(all, member{name: string(name), rawName: rawName, value: value.Clone()})
	}
	_, err := d.ReadToken()
	return all, err
}

// bytes writes the object on one line.
func (d document) bytes() []byte {
	out := []byte{'{'}
	for i, m := range d {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, m.rawName...), ':'), m.value...)
	}
	return append(out, '}')
}

// section is the object under a name, an empty one where there is none.
func (d document) section(name string) (document, error) {
	for _, m := range d {
		if m.name == name {
			return parseDocument(m.value)
		}
	}
	return nil, nil
}

// with sets the value of a name, which consists of plain ASCII: in its place,
// or at the end.
func (d document) with(name string, value []byte) document {
	for i := range d {
		if d[i].name == name {
			d[i].value = value
			return d
		}
	}
	return append(d, member{name: name, rawName: jsontext.Value(`"` + name + `"`), value: value})
}
