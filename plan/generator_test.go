package plan

import (
	"fmt"
	"strings"
)

// generator makes schemas of the keywords that are planned, and contents near
// them, by choices that it takes from bytes; so the fuzzer's small changes are
// small changes of a schema or a content. Bytes that have run out choose the first.
type generator struct{ choices []byte }

func (g *generator) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) one(list ...string) string { return list[g.pick(len(list))] }

// The two sides share few words, so that they meet.
var (
	someNames    = []string{`"a"`, `"b"`, `"ab"`, `"bb"`, `"é"`, `"long_name_one"`, `"long_name_two"`, `""`, `"\u0061"`, `"/"`, `"~"`, `"%"`}
	someNumbers  = []string{"0", "1", "-1", "2", "3", "1.0", "1.5", "-0", "0.0", "10", "1e2", "1E-2", "100", "0.01", "12345678901234567890", "999999999999999999", "9.99999999999999999", "-2.50", "1e400", "1e99", "0.1e1"}
	someTexts    = []string{`"a"`, `"ab"`, `"abc"`, `""`, `"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"😀"`, `"\ud83d"`, `"a\nb"`, `"A-1"`, `"192.0.2.1"`, `"::1"`, `"2026-01-31T12:00:00Z"`, `"a b"`, `"12"`, "\"\xff\"", `"\/"`, `"\t"`, `"aaaaaaaaaaaaaaaaaaaaaaaaa"`, `"\u0000"`, `"�"`}
	someOthers   = []string{"true", "false", "null", "[]", "{}", `[1,"a"]`, `{"a":1}`}
	someCounts   = []string{"0", "1", "2", "3", "2.0", "20", "0e0", "1e1"}
	somePatterns = []string{`"^a"`, `"b$"`, `"^[a-z_]*$"`, `"^[^\\x00-\\x1F\\x7F]*$"`, `"^(0|[1-9][0-9]{0,5})$"`, `"a|^b"`, `"."`, `"^.$"`, `"é"`, `"(?i)A"`, `"\\bA"`, `"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$"`, `"^a{2,3}b?$"`, `"^$"`, `""`, `"(?m)^b$"`, `"[^a]"`, `"^(ab|a)*$"`, `"\\d+$"`}
	someFormats  = []string{`"ipv4"`, `"ipv6"`, `"date-time"`, `"regex"`, `"unknown"`}
	someTypes    = []string{`"string"`, `"integer"`, `"number"`, `"boolean"`, `"null"`, `"array"`, `"object"`}
)

func (g *generator) schema(depth int) string {
	switch g.pick(16) {
	case 0:
		return "true"
	case 1:
		return "false"
	}
	var members []string
	taken := map[string]bool{}
	for range 1 + g.pick(5) {
		name, value := g.keyword(depth)
		if !taken[name] {
			taken[name] = true
			members = append(members, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *generator) document() string {
	s := g.schema(4)
	if s[0] != '{' || s == "{}" {
		return s
	}
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"d":` + g.schema(2) + `},` + s[1:]
}

func (g *generator) keyword(depth int) (name, value string) {
	if depth > 0 && g.pick(2) == 1 {
		return g.applicator(depth - 1)
	}
	switch name = g.one("type", "type", "enum", "const", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
		"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "required", "minProperties",
		"maxProperties", "$ref", "x-own", "title", "dependentRequired"); name {
	case "type":
		if g.pick(3) == 1 {
			return name, g.unique(someTypes)
		}
		return name, g.one(someTypes...)
	case "enum":
		return name, "[" + g.content(2) + "," + g.content(1) + "]"
	case "const":
		return name, g.content(2)
	case "pattern":
		return name, g.one(somePatterns...)
	case "format":
		return name, g.one(someFormats...)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return name, g.one(someNumbers...)
	case "uniqueItems":
		return name, g.one("true", "false")
	case "required":
		return name, g.unique(someNames)
	case "$ref":
		return name, g.one(`"#/$defs/d"`, `"#"`, `"#/properties/a"`)
	case "x-own", "title":
		return name, `"a"`
	case "dependentRequired":
		return name, `{"a":["b"]}`
	}
	return name, g.one(someCounts...)
}

func (g *generator) applicator(depth int) (name, value string) {
	switch name = g.one("properties", "properties", "items", "additionalProperties", "patternProperties", "propertyNames", "prefixItems",
		"contains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems", "minContains",
		"maxContains", "dependentSchemas"); name {
	case "properties", "dependentSchemas":
		return name, g.object(someNames, func() string { return g.schema(depth) })
	case "patternProperties":
		return name, g.object(somePatterns, func() string { return g.schema(depth) })
	case "prefixItems", "allOf", "anyOf", "oneOf":
		list := []string{g.schema(depth)}
		for range g.pick(3) {
			list = append(list, g.schema(depth))
		}
		return name, "[" + strings.Join(list, ",") + "]"
	case "minContains", "maxContains":
		return name, g.one(someCounts...)
	}
	return name, g.schema(depth)
}

// content makes one value; now and then one that is not quite JSON.
func (g *generator) content(depth int) string {
	choice := g.pick(8)
	if depth == 0 {
		choice %= 4
	}
	switch choice {
	case 0, 1:
		return g.one(someTexts...)
	case 2:
		return g.one(someNumbers...)
	case 3:
		return g.one(someOthers...)
	case 4, 5:
		var items []string
		for range g.pick(5) {
			items = append(items, g.content(depth-1))
		}
		return "[" + strings.Join(items, g.one(",", " , ")) + "]"
	}
	return g.object(someNames, func() string { return g.content(depth - 1) })
}

// object may have a name twice.
func (g *generator) object(names []string, value func() string) string {
	var members []string
	for range g.pick(5) {
		members = append(members, g.one(names...)+g.one(":", " : ")+value())
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *generator) unique(list []string) string {
	var some []string
	taken := map[string]bool{}
	for range 1 + g.pick(3) {
		if s := g.one(list...); !taken[s] {
			taken[s] = true
			some = append(some, s)
		}
	}
	return "[" + strings.Join(some, ",") + "]"
}

// spoil changes a byte, now and then.
func (g *generator) spoil(content string) []byte {
	b := []byte(content)
	if g.pick(8) == 7 && len(b) > 0 {
		b[g.pick(len(b))] = g.one(`"`, `\`, `,`, "]", "0", " ", "\xc3", "\x1f", "}")[0]
	}
	return b
}
