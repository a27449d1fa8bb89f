package schemas

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

func shipped(t testing.TB) []*Schema {
	t.Helper()
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func find(t testing.TB, id, version string) *Schema {
	t.Helper()
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Find(id, version)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// each calls f for every shipped schema, as a test of its own.
func each(t *testing.T, f func(t *testing.T, s *Schema)) {
	for _, s := range shipped(t) {
		t.Run(s.ID+"/"+s.Version, func(t *testing.T) { f(t, s) })
	}
}

func TestShippedSatisfyTheMetaSchema(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		if err := s.Compile(); err != nil {
			t.Error(err)
		}
	})
}

func TestShippedAcceptTheirExamples(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		for i, example := range examples(t, s) {
			if err := s.Validate(example); err != nil {
				t.Errorf("example %d: %v", i, err)
			}
		}
	})
}

func TestShippedAcceptTheExamplesOfEachProperty(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		for name, property := range properties(s.doc) {
			list, _ := property["examples"].([]any)
			if len(list) == 0 {
				t.Errorf("/properties/%s has no examples", name)
			}
			for _, value := range list {
				for _, p := range problems(t, s, changed(t, examples(t, s)[0], "/"+name, value)) {
					if p.Pointer == "/"+name && p.Expected != "not allowed here" {
						t.Errorf("example %v of %s: %s", value, name, p)
					}
				}
			}
		}
	})
}

func TestShippedAreDescribedAndClosed(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		if s.Title == "" || s.Description == "" {
			t.Error("the schema lacks title or description")
		}
		if _, ok := s.doc["x-unique"]; !ok {
			t.Error("the schema lacks x-unique")
		}
		if site := properties(s.doc)["site"]; site["type"] != "object" || site["additionalProperties"] != nil {
			t.Error("/properties/site is not an object of anything")
		}
		eachSchema(s.doc, "", func(schema map[string]any, pointer string) {
			described(t, schema, pointer)
			if _, ok := schema["properties"]; ok && schema["type"] == "object" && schema["additionalProperties"] != false && schema["unevaluatedProperties"] != false {
				t.Errorf("%s: an object that is not closed", pointer)
			}
		})
	})
}

func described(t *testing.T, schema map[string]any, pointer string) {
	if strings.HasPrefix(pointer, "/if") || strings.HasPrefix(pointer, "/then") || strings.HasPrefix(pointer, "/else") {
		return
	}
	for name, property := range properties(schema) {
		if text, _ := property["description"].(string); text == "" {
			t.Errorf("%s/properties/%s has no description", pointer, name)
		}
	}
}

// TestShippedRefuseOneFault spoils each example in one place after the other:
// every property at every level, a missing one and one too many.
func TestShippedRefuseOneFault(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		tried := map[string]bool{}
		for _, example := range examples(t, s) {
			spoil(t, s, example, s.doc, "", tried)
		}
		for name := range properties(s.doc) {
			if !tried["/"+name] {
				t.Errorf("no example has the property %s", name)
			}
		}
	})
}

func spoil(t *testing.T, s *Schema, example []byte, schema map[string]any, at string, tried map[string]bool) {
	whole, err := decode(example)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := lookup(whole, at)
	object, ok := value.(map[string]any)
	if !ok || schema["properties"] == nil {
		return
	}
	expectProblem(t, s, changed(t, example, at+"/x_site", 1), at+"/x_site", "unknown property")
	for _, name := range texts(asList(schema["required"])) {
		expectProblem(t, s, changed(t, example, at+"/"+name, nil), at, `property "`+name+`" is missing`)
	}
	for name, property := range properties(schema) {
		pointer := at + "/" + name
		if _, there := object[name]; there {
			tried[pointer] = true
			expectProblem(t, s, changed(t, example, pointer, wrong(property)), pointer, "expected ")
			spoil(t, s, example, property, pointer, tried)
		}
	}
}

// wrong returns a value of a type that the schema does not allow.
func wrong(schema map[string]any) any {
	types := append(texts(asList(schema["type"])), texts([]any{schema["type"]})...)
	for name, value := range map[string]any{"boolean": true, "array": []any{}, "object": map[string]any{}} {
		if !slices.Contains(types, name) {
			return value
		}
	}
	return 1
}

// changed returns content with the value at pointer set, or taken away by nil.
func changed(t *testing.T, content []byte, pointer string, value any) []byte {
	t.Helper()
	whole, err := decode(content)
	if err != nil {
		t.Fatal(err)
	}
	at, name := parent(pointer)
	object, _ := lookup(whole, at)
	members := object.(map[string]any)
	if value == nil {
		delete(members, name)
	} else {
		members[name] = value
	}
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func expectProblem(t *testing.T, s *Schema, content []byte, pointer, text string) {
	t.Helper()
	for _, p := range problems(t, s, content) {
		if p.Pointer == pointer && strings.HasPrefix(p.Expected, text) {
			return
		}
	}
	t.Errorf("%s\nno problem at %q that begins with %q: %v", content, pointer, text, s.Validate(content))
}

// problems returns what Validate finds; an error of another type fails the test.
func problems(t *testing.T, s *Schema, content []byte) []Problem {
	t.Helper()
	err := s.Validate(content)
	var invalid *Invalid
	if err != nil && !errors.As(err, &invalid) {
		t.Fatalf("%s: %v", content, err)
	}
	if invalid == nil {
		return nil
	}
	return invalid.Problems
}

func examples(t *testing.T, s *Schema) [][]byte {
	t.Helper()
	var doc struct{ Examples []json.RawMessage }
	if err := json.Unmarshal(s.Document, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Examples) == 0 {
		t.Fatal("the schema has no examples")
	}
	var all [][]byte
	for _, example := range doc.Examples {
		all = append(all, example)
	}
	return all
}

func properties(schema map[string]any) map[string]map[string]any {
	all, _ := schema["properties"].(map[string]any)
	m := map[string]map[string]any{}
	for name := range maps.Keys(all) {
		if property, ok := all[name].(map[string]any); ok {
			m[name] = property
		}
	}
	return m
}
