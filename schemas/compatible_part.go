package schemas

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// part is a schema within a document.
type part struct {
	value   any // true, false or map[string]any
	doc     *Schema
	pointer string // where it lies in doc
}

// say returns a keyword's value.
func (p part) say(keyword string) (any, bool) {
	schema, _ := p.value.(map[string]any)
	v, ok := schema[keyword]
	return v, ok
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func (p part) has(keyword string) bool {
	_, ok := p.say(keyword)
	return ok
}

// child is a schema under a keyword.
func (p part) child(v any, tokens ...string) part {
	pointer := p.pointer
	for _, t := range tokens {
		pointer += "/" + escape(t)
	}
	return part{value: v, doc: p.doc, pointer: pointer}
}

// children are the schemas of a keyword that holds a list.
func (p part) children(keyword string) []part {
	v, _ := p.say(keyword)
	list := asList(v)
	parts := make([]part, len(list))
	for i, item := range list {
		parts[i] = p.child(item, keyword, itoa(i))
	}
	return parts
}

// target follows a $ref. Anchors are not followed.
func (p part) target() (part, bool) {
	ref, _ := p.say("$ref")
	text, _ := ref.(string)
	pointer, ok := strings.CutPrefix(strings.TrimPrefix(text, urn+p.doc.ID+":"+p.doc.Version), "#")
	pointer = pointerOf(pointer)
	v, found := lookup(p.doc.doc, pointer)
	return part{value: v, doc: p.doc, pointer: pointer}, ok && found
}

// silent tells whether a keyword says nothing about what fits (JSON Schema
// 2020-12 core section 8, validation section 9).
func silent(keyword string) bool {
	switch keyword {
	case "title", "description", "examples", "default", "deprecated", "readOnly", "writeOnly",
		"$comment", "$schema", "$id", "$anchor", "$dynamicAnchor", "$defs", "definitions":
		return true
	}
	return strings.HasPrefix(keyword, "x-")
}

// bare returns a schema without what says nothing about what fits.
func bare(v any) any {
	schema, ok := v.(map[string]any)
	if !ok {
		return v
	}
	rest := map[string]any{}
	for keyword, value := range schema {
		switch {
		case silent(keyword):
		case slices.Contains(holdsOne, keyword):
			rest[keyword] = bare(value)
		case slices.Contains(holdsList, keyword):
			rest[keyword] = bareList(value)
		case slices.Contains(holdsMap, keyword):
			rest[keyword] = bareMap(value)
		default:
			rest[keyword] = value
		}
	}
	return rest
}

func bareList(v any) any {
	list := slices.Clone(asList(v))
	for i := range list {
		list[i] = bare(list[i])
	}
	return list
}

func bareMap(v any) any {
	members, _ := v.(map[string]any)
	members = maps.Clone(members)
	for name := range members {
		members[name] = bare(members[name])
	}
	return members
}

// alike tells whether two parts say the same by the same words.
func alike(a, b part) bool {
	return reflect.DeepEqual(bare(a.value), bare(b.value)) && (a.doc == b.doc || !refers(a.value) || sameDefs(a.doc, b.doc))
}

func refers(v any) bool {
	refers := false
	eachSchema(v, "", func(schema map[string]any, _ string) {
		for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
			_, ok := schema[keyword]
			refers = refers || ok
		}
	})
	return refers
}

// sameDefs tells whether the same $ref leads to the same in both documents:
// all lead to $defs, and those are alike.
func sameDefs(a, b *Schema) bool {
	return onlyDefs(a) && onlyDefs(b) && reflect.DeepEqual(bareMap(a.doc["$defs"]), bareMap(b.doc["$defs"]))
}

func onlyDefs(s *Schema) bool {
	only := true
	eachSchema(s.doc, "", func(schema map[string]any, _ string) {
		for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
			if ref, ok := schema[keyword].(string); ok && (!strings.HasPrefix(ref, "#/$defs/") || strings.Count(ref, "/") > 2) {
				only = false
			}
		}
	})
	return only
}

// only is a schema of some of a part's keywords.
func (p part) only(keywords []string) part {
	some := map[string]any{}
	for _, keyword := range keywords {
		if v, ok := p.say(keyword); ok {
			some[keyword] = v
		}
	}
	p.value = some
	return p
}
