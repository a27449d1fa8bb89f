package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// data joins the containers, and what merge makes of them.
func (a *answer) data() (json.RawMessage, error) {
	if len(a.view.Merge) > 0 {
		merged := tree{}
		for _, name := range a.view.Merge {
			content, there := a.members[name]
			if !there {
				continue
			}
			if err := merged.put(content); err != nil {
				return nil, fmt.Errorf("%s: view %s: merge: container %s: %w", a.view.File, a.view.Name, name, err)
			}
		}
		a.members[mergedName] = merged.append(nil)
	}
	data := object(a.members)
	if len(data) > a.limits.Bytes {
		return nil, &LimitError{View: a.view.Name, Container: mergedName, What: strconv.Itoa(a.limits.Bytes) + " bytes"}
	}
	return data, nil
}

// tree is an object that others were merged into: its values are json.RawMessage,
// or a tree where objects met.
type tree map[string]any

// put lays an object over the tree: objects are merged member by member, at any
// depth; anything else is replaced, null too. Values keep their bytes.
func (t tree) put(over json.RawMessage) error {
	d := jsontext.NewDecoder(bytes.NewReader(over))
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return fmt.Errorf("%.60q is no object", over)
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := t.putMember(name, slices.Clone(json.RawMessage(value))); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) putMember(name string, value json.RawMessage) error {
	if value[0] != '{' {
		t[name] = value
		return nil
	}
	switch below := t[name].(type) {
	case tree:
		return below.put(value)
	case json.RawMessage:
		if below[0] != '{' {
			break
		}
		both := tree{}
		if err := both.put(below); err != nil {
			return err
		}
		t[name] = both
		return both.put(value)
	}
	t[name] = value
	return nil
}

// append writes the tree, its members by name.
func (t tree) append(b []byte) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(t)) {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, name)
		b = append(b, ':')
		switch value := t[name].(type) {
		case tree:
			b = value.append(b)
		case json.RawMessage:
			b = append(b, value...)
		}
	}
	return append(b, '}')
}
