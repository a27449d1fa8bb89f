package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// load reads a document and checks what the registry and the listener build on:
// its draft, its $id, the three keywords of this project's vocabulary, and that
// every $ref stays inside. Whether it is a JSON Schema is checked by Compile.
// The error is one line for each fault, with the file and the JSON pointer.
func load(file, id, version string, document []byte) (*Schema, error) {
	c := checker{file: file, id: urn + id + ":" + version}
	doc := c.decode(document)
	if doc == nil {
		return nil, errors.Join(c.faults...)
	}
	s := &Schema{ID: id, Version: version, Document: document, File: file, doc: doc}
	s.Title, _ = doc["title"].(string)
	s.Description, _ = doc["description"].(string)
	c.expect(doc, "$schema", draft)
	c.expect(doc, "$id", c.id)
	s.Kind = c.kind(doc)
	s.Entity = c.entity(doc)
	s.Unique = c.unique(doc)
	c.objectOnly(doc, s)
	eachSchema(doc, "", c.subschema)
	if len(c.faults) > 0 {
		return nil, errors.Join(c.faults...)
	}
	return s, nil
}

// checker gathers the faults of one document.
type checker struct {
	file   string
	id     string // what its $id must be, by its place
	faults []error
}

func (c *checker) fault(pointer, format string, args ...any) {
	where := c.file + ": "
	if pointer != "" {
		where += clean(pointer, maxPointer) + ": "
	}
	c.faults = append(c.faults, errors.New(where+fmt.Sprintf(format, args...)))
}

// decode is strict: of a key given twice nobody can say which counts.
func (c *checker) decode(document []byte) map[string]any {
	if err := strict(document); err != nil {
		var at *jsontext.SyntacticError
		if errors.As(err, &at) {
			line := 1 + bytes.Count(document[:min(int(at.ByteOffset), len(document))], []byte("\n"))
			c.fault(string(at.JSONPointer), "line %d: not JSON: %v", line, at.Err)
		} else {
			c.fault("", "not JSON: %v", err)
		}
		return nil
	}
	v, err := decode(document)
	if err != nil {
		c.fault("", "not JSON: %v", err)
		return nil
	}
	if p := guard(v, maxDepth); p != nil {
		c.fault(p.Pointer, "%s", p.Expected)
		return nil
	}
	doc, ok := v.(map[string]any)
	if !ok {
		c.fault("", "expected a JSON Schema, which is an object, found %s", found(v))
	}
	return doc
}

func strict(document []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(document))
	if err := d.SkipValue(); err != nil {
		return err
	}
	if _, err := d.ReadToken(); err == nil {
		return errors.New("more follows after the first value")
	}
	return nil
}

func (c *checker) expect(doc map[string]any, keyword, value string) {
	if doc[keyword] != value {
		c.fault("/"+keyword, "expected %q, found %s", value, foundMember(doc, keyword))
	}
}

func foundMember(doc map[string]any, keyword string) string {
	v, ok := doc[keyword]
	if !ok {
		return "nothing"
	}
	if s, ok := v.(string); ok {
		return "string " + fmt.Sprintf("%q", cut(s, maxPointer))
	}
	return found(v)
}

func (c *checker) kind(doc map[string]any) Kind {
	text, _ := doc["x-kind"].(string)
	if !Kind(text).known() {
		c.fault("/x-kind", "expected one of common, static, dynamic, state, found %s", foundMember(doc, "x-kind"))
	}
	return Kind(text)
}

func (c *checker) entity(doc map[string]any) Entity {
	if doc["x-entity"] == "sender" {
		return Entity{Sender: true}
	}
	names := c.properties(doc, "x-entity", `"sender" or a list of properties`)
	if list, ok := doc["x-entity"].([]any); ok && len(list) == 0 {
		c.fault("/x-entity", `expected "sender" or a list of properties, found an empty one`)
	}
	required, _ := doc["required"].([]any)
	for i, name := range names {
		if !slices.Contains(texts(required), name) {
			c.fault("/x-entity/"+itoa(i), "property %s must be required: without it nobody knows what the content is about", quote(name))
		}
	}
	return Entity{Properties: names}
}

func (c *checker) unique(doc map[string]any) []string {
	if _, ok := doc["x-unique"]; !ok {
		return nil
	}
	return c.properties(doc, "x-unique", "a list of properties")
}

// properties reads a keyword that lists top-level properties, each once.
func (c *checker) properties(doc map[string]any, keyword, expected string) []string {
	list, ok := doc[keyword].([]any)
	if !ok {
		c.fault("/"+keyword, "expected %s, found %s", expected, foundMember(doc, keyword))
		return nil
	}
	known, _ := doc["properties"].(map[string]any)
	var names []string
	for i, v := range list {
		pointer := "/" + keyword + "/" + itoa(i)
		name, ok := v.(string)
		if !ok {
			c.fault(pointer, "expected the name of a property, found %s", found(v))
			continue
		}
		if _, ok := known[name]; !ok {
			c.fault(pointer, "property %s is not among /properties", quote(name))
		}
		if slices.Contains(names, name) {
			c.fault(pointer, "property %s is named twice", quote(name))
		}
		names = append(names, name)
	}
	return names
}

// objectOnly: required and properties say nothing about content that is no
// object, so a schema that counts on properties must ask for one.
func (c *checker) objectOnly(doc map[string]any, s *Schema) {
	if len(s.Entity.Properties)+len(s.Unique) > 0 && doc["type"] != "object" {
		c.fault("/type", `expected "object", as x-entity or x-unique name properties, found %s`, foundMember(doc, "type"))
	}
}

// subschema checks what holds at every level.
func (c *checker) subschema(schema map[string]any, pointer string) {
	for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		ref, ok := schema[keyword].(string)
		if ok && !strings.HasPrefix(strings.TrimPrefix(ref, c.id), "#") && ref != c.id {
			c.fault(pointer+"/"+keyword, "%s leads out of the document, and nothing is fetched; copy it under $defs and refer to it as #/$defs/NAME", quote(ref))
		}
	}
	for _, keyword := range []string{"$id", "$schema"} {
		if _, ok := schema[keyword]; ok && pointer != "" {
			c.fault(pointer+"/"+keyword, "only the whole document has one")
		}
	}
	if format, ok := schema["format"].(string); ok && !knownFormat(format) {
		c.fault(pointer+"/format", "%s is not known and would check nothing; known are %s", quote(format), formats())
	}
}
