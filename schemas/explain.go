package schemas

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// notAllowed is v5's message for the schema false.
const notAllowed = "not allowed"

// explainer finds an administrator's words for the faults of one content.
type explainer struct {
	id      string         // the schema's $id
	doc     map[string]any // the schema's document
	content any
}

// own returns what a fault's keyword says, where it is the document's own.
func (x explainer) own(f fault) (any, bool) {
	if !f.own {
		return nil, false
	}
	return lookup(x.doc, f.keyword)
}

// places returns the schema that a fault's keyword stands in, and the part of
// the content that it speaks of.
func (x explainer) places(f fault) (schema map[string]any, content any, ok bool) {
	if _, ok := x.own(f); !ok {
		return nil, nil, false
	}
	rest, _ := parent(f.keyword)
	value, _ := lookup(x.doc, rest)
	if schema, ok = value.(map[string]any); !ok {
		return nil, nil, false
	}
	content, ok = lookup(x.content, f.instance)
	return schema, content, ok
}

func (x explainer) problem(f fault) Problem {
	return Problem{Pointer: clean(f.instance, maxPointer), Expected: x.text(f)}
}

func (x explainer) text(f fault) string {
	_, keyword := parent(f.keyword)
	switch {
	case f.message == notAllowed && keyword == "unevaluatedProperties":
		return x.unknownText(lastToken(f.instance))
	case f.message == notAllowed:
		return "not allowed here"
	case keyword == "additionalProperties" && f.name != "":
		return x.unknownText(f.name)
	case keyword == "required" && f.name != "":
		return "property " + quote(f.name) + " is missing"
	case keyword == "oneOf" && len(f.choices) == 0:
		return "expected to fit exactly one of the alternatives, fits more"
	case keyword == "uniqueItems":
		return clean(f.message, maxText)
	case strings.Contains(f.keyword, "/propertyNames/"):
		return "name of the property: " + clean(f.message, maxText)
	}
	return x.valueText(f, keyword)
}

func (x explainer) unknownText(name string) string {
	text := "unknown property " + quote(name)
	if _, ok := lookup(x.doc, "/properties/site"); ok {
		text += "; a site's own go under /site"
	}
	return text
}

func lastToken(pointer string) string {
	_, token := parent(pointer)
	return unescaper.Replace(token)
}

// valueText says what a value should be. A title may be a mere label, so the
// keyword that does not hold follows it.
func (x explainer) valueText(f fault, keyword string) string {
	schema, content, ok := x.places(f)
	var expected string
	if ok {
		expected = cmp.Or(x.choiceWords(f.choices), x.words(schema, maxRefs))
	}
	if expected == "" {
		return clean(f.message, maxText)
	}
	text := "expected " + clean(expected, maxText) + ", found " + found(content)
	if detail := describe(keyword, schema); detail != "" && len(f.choices) == 0 {
		text += " (" + detail + ")"
	}
	return text
}

func missing(schema map[string]any, content any) []string {
	object, _ := content.(map[string]any)
	required, _ := schema["required"].([]any)
	return slices.DeleteFunc(texts(required), func(name string) bool {
		_, ok := object[name]
		return ok
	})
}

func unknown(schema map[string]any, content any) []string {
	object, _ := content.(map[string]any)
	known, _ := schema["properties"].(map[string]any)
	patterned := patternProperties(schema)
	var names []string
	for name := range object {
		if _, ok := known[name]; !ok && !patterned(name) {
			names = append(names, name)
		}
	}
	return names
}

func patternProperties(schema map[string]any) func(name string) bool {
	patterns, _ := schema["patternProperties"].(map[string]any)
	var compiled []*regexp.Regexp
	for pattern := range patterns {
		if r, err := regexp.Compile(pattern); err == nil {
			compiled = append(compiled, r)
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(compiled, func(r *regexp.Regexp) bool { return r.MatchString(name) })
	}
}

// texts returns the strings among values.
func texts(values []any) []string {
	var s []string
	for _, v := range values {
		if text, ok := v.(string); ok {
			s = append(s, text)
		}
	}
	return s
}
