package plan

import "strings"

// reader makes nodes of schemas.
type reader struct {
	document any
	id       string // of the document
	formats  Formats
	refs     map[string]*node // by $ref; nil while it is not known which
	patterns map[string]*pattern
	all      []*node
	lost     bool // references lead to one another, and to nothing else
}

func newReader(document any, formats Formats) *reader {
	r := &reader{document: document, formats: formats, refs: map[string]*node{}, patterns: map[string]*pattern{}}
	if s, ok := document.(map[string]any); ok {
		r.id, _ = s["$id"].(string)
	}
	return r
}

// group is what a keyword speaks of.
type group uint8

const (
	reference group = 1 << iota
	generic
	ofTexts
	ofNumbers
	ofArrays
	ofObjects
	inPlace
	silent group = 0 // it asks for nothing, or is read beside another
)

// groups are the keywords that are planned. Contents of strings are not looked
// at in draft 2020-12.
var groups = map[string]group{
	"$schema": silent, "$id": silent, "$comment": silent, "$defs": silent, "definitions": silent, "$anchor": silent,
	"title": silent, "description": silent, "default": silent, "deprecated": silent, "readOnly": silent, "writeOnly": silent,
	"examples": silent, "contentEncoding": silent, "contentMediaType": silent,
	"$ref": reference,
	"type": generic, "enum": generic, "const": generic,
	"minLength": ofTexts, "maxLength": ofTexts, "pattern": ofTexts, "format": ofTexts,
	"minimum": ofNumbers, "exclusiveMinimum": ofNumbers, "maximum": ofNumbers, "exclusiveMaximum": ofNumbers, "multipleOf": ofNumbers,
	"prefixItems": ofArrays, "items": ofArrays, "minItems": ofArrays, "maxItems": ofArrays, "uniqueItems": ofArrays,
	"contains": ofArrays, "minContains": silent, "maxContains": silent, "unevaluatedItems": ofArrays,
	"properties": ofObjects, "patternProperties": ofObjects, "additionalProperties": ofObjects, "propertyNames": ofObjects,
	"required": ofObjects, "minProperties": ofObjects, "maxProperties": ofObjects, "unevaluatedProperties": ofObjects,
	"allOf": inPlace, "anyOf": inPlace, "oneOf": inPlace, "not": inPlace, "if": inPlace, "then": silent, "else": silent,
}

func (r *reader) schema(v any) *node { return r.schemaOf(v, "") }

// schemaOf makes the node of one schema and of those in it. It is known by ref
// before those in it are made, for they may lead back.
func (r *reader) schemaOf(v any, ref string) *node {
	switch v {
	case true:
		return anything
	case false:
		return &node{}
	}
	s, ok := v.(map[string]any)
	if !ok || ref != "#" && isDocument(s) {
		return &node{types: everyType, rest: unsure}
	}
	n := &node{types: everyType}
	g := r.groups(n, s)
	if g == reference && n.rest == fits {
		return r.follow(r.target(s))
	}
	if ref != "" {
		r.refs[ref] = n
	}
	r.all = append(r.all, n)
	r.fill(n, s, g)
	return n
}

// isDocument tells whether a schema is a document of its own, with pointers of
// its own.
func isDocument(s map[string]any) bool { return s["$id"] != nil || s["$schema"] != nil }

// groups tells which groups a schema has keywords of.
func (r *reader) groups(n *node, s map[string]any) (g group) {
	for keyword := range s {
		one, ok := groups[keyword]
		g |= one
		if !ok && !strings.HasPrefix(keyword, "x-") {
			r.doubt(n)
		}
	}
	return g
}

func (r *reader) fill(n *node, s map[string]any, g group) {
	if g&generic != 0 {
		r.types(n, s)
		r.enum(n, s)
	}
	if g&ofTexts != 0 {
		r.textRules(n, s)
	}
	if g&ofNumbers != 0 {
		r.numberRules(n, s)
	}
	if g&ofArrays != 0 {
		r.arrayRules(n, s, g)
	}
	if g&ofObjects != 0 {
		r.objectRules(n, s, g)
	}
	if g&(inPlace|reference) != 0 {
		r.choices(n, s)
	}
}
