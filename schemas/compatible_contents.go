package schemas

import (
	"slices"
	"strconv"
	"strings"
)

// contents are those that fit all of some parts of one document.
type contents struct {
	parts   []part
	unclear bool // they may be fewer, by a keyword further up that is not looked at
}

// and adds a part to fit.
func (c contents) and(p part) contents {
	return contents{parts: append(slices.Clone(c.parts), p), unclear: c.unclear}
}

// under are the contents in a property or an item.
func (c contents) under(parts []part) contents { return contents{parts: parts, unclear: c.unclear} }

func (c contents) has(what func(part) bool) bool { return slices.ContainsFunc(c.parts, what) }

// same tells whether some part says by these keywords what into does.
func (c contents) same(into part, keywords ...string) bool {
	return c.has(func(p part) bool { return alike(p.only(keywords), into.only(keywords)) })
}

func (c contents) key() string {
	var key strings.Builder
	for _, p := range c.parts {
		key.WriteString(strconv.Quote(p.pointer))
	}
	return key.String()
}

// expand adds what parts refer to by $ref and allOf: all of them must hold.
func (c contents) expand() contents {
	todo := c.parts
	c.parts = nil
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		if p.value == true || c.has(func(q part) bool { return q.pointer == p.pointer }) {
			continue
		}
		c.parts = append(c.parts, p)
		if p.has("$ref") {
			if target, ok := p.target(); ok {
				todo = append(slices.Clone(todo), target)
			} else {
				c.unclear = true
			}
		}
		todo = append(slices.Clone(todo), p.children("allOf")...)
	}
	return c
}

// units are keywords that take away contents and are not looked into, but to
// see whether both versions have them alike; each with those that make sense
// with it only. Some are the validator's own.
var units = [][]string{
	{"anyOf"}, {"oneOf"}, {"not"}, {"if", "then", "else"},
	{"contains", "minContains", "maxContains"},
	{"contentEncoding", "contentMediaType", "contentSchema"},
	{"dependencies"}, {"dependentRequired"}, {"dependentSchemas"}, {"regexProperties"},
	{"unevaluatedItems"}, {"unevaluatedProperties"}, {"$dynamicRef"}, {"$recursiveRef"},
}

// unit returns the keywords that a keyword is judged with.
func unit(keyword string) []string {
	for _, u := range units {
		if slices.Contains(u, keyword) {
			return u
		}
	}
	return []string{keyword}
}

// reduced tells whether contents are fewer by something that into does not say.
func (c contents) reduced(into part) bool {
	return c.has(func(p part) bool {
		return slices.ContainsFunc(units, func(u []string) bool {
			return slices.ContainsFunc(u, p.has) && !alike(p.only(u), into.only(u))
		})
	})
}

// kinds is a set of sorts of values. Whole numbers are their own, for type
// integer is part of type number.
type kinds uint8

const (
	aNull kinds = 1 << iota
	aBoolean
	anObject
	anArray
	aString
	anInteger
	aFraction
	anything = 1<<iota - 1
	aNumber  = anInteger | aFraction
)

var kindsOf = map[string]kinds{"null": aNull, "boolean": aBoolean, "object": anObject, "array": anArray, "string": aString, "integer": anInteger, "number": aNumber}

// concerns tells which sorts of values a keyword speaks of, where not of all.
var concerns = map[string]kinds{
	"minimum": aNumber, "exclusiveMinimum": aNumber, "maximum": aNumber, "exclusiveMaximum": aNumber, "multipleOf": aNumber,
	"minLength": aString, "maxLength": aString, "pattern": aString, "format": aString,
	"contentEncoding": aString, "contentMediaType": aString, "contentSchema": aString,
	"minItems": anArray, "maxItems": anArray, "uniqueItems": anArray, "items": anArray, "prefixItems": anArray, "contains": anArray, "unevaluatedItems": anArray,
	"minProperties": anObject, "maxProperties": anObject, "required": anObject, "properties": anObject, "patternProperties": anObject, "additionalProperties": anObject,
	"propertyNames": anObject, "dependentRequired": anObject, "dependentSchemas": anObject, "dependencies": anObject, "unevaluatedProperties": anObject,
}

// kinds returns those that the contents may be of; none where nothing fits.
func (c contents) kinds() kinds {
	all := kinds(anything)
	for _, p := range c.parts {
		if p.value == false {
			return 0
		}
		all &= p.kinds()
	}
	return all
}

func (p part) kinds() kinds {
	v, ok := p.say("type")
	if !ok {
		return anything
	}
	types := texts(asList(v))
	if one, ok := v.(string); ok {
		types = append(types, one)
	}
	var all kinds
	for _, t := range types {
		all |= kindsOf[t]
	}
	return all
}

// values returns all contents, where a few are all there are.
func (c contents) values() (values []any, finite bool) {
	for _, p := range c.parts {
		if one, ok := p.say("const"); ok {
			return c.fitting([]any{one}), true
		}
		// An empty enum refuses nothing: the validator passes it over.
		if some, _ := p.say("enum"); len(asList(some)) > 0 {
			return c.fitting(asList(some)), true
		}
	}
	if c.kinds()&^(aNull|aBoolean) == 0 {
		return c.fitting([]any{nil, false, true}), true
	}
	return nil, false
}

// fitting leaves those values that fit all parts. A part that does not compile
// takes away none.
func (c contents) fitting(values []any) []any {
	for _, p := range c.parts {
		if accepts, err := p.compile(); err == nil {
			values = slices.DeleteFunc(slices.Clone(values), func(v any) bool { return !accepts(v) })
		}
	}
	return values
}

// compile makes a part ready to try values.
func (p part) compile() (accepts func(v any) bool, err error) {
	compiled, err := compileAt(urn+p.doc.ID+":"+p.doc.Version, p.pointer, p.doc.Document)
	if err != nil {
		return nil, err
	}
	return func(v any) bool { return compiled.Validate(v) == nil }, nil
}
