package schemas

import (
	"fmt"
	"strings"
	"testing"
)

// versions makes two documents of the members of each, which are beside the
// vocabulary.
func versions(old, new string) (was, is []byte) {
	return []byte(head + old + "}"), []byte(strings.Replace(head, "a:1.0", "a:1.1", 1) + new + "}")
}

func verdicts(t *testing.T, old, new []byte) string {
	t.Helper()
	differences, err := Compatible(old, new)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range differences {
		verdict := "-"
		if d.Undecided {
			verdict = "?"
		}
		lines = append(lines, string(d.Way)+" "+verdict+" "+d.Pointer)
		if d.Why == "" || d.WayOut == "" {
			t.Errorf("%+v: not told why, or no way out", d)
		}
	}
	return strings.Join(lines, "\n")
}

// TestCompatible: want is a line for each difference, "-" incompatible or "?"
// undecided, in the order in which they come.
func TestCompatible(t *testing.T) {
	closed := func(properties string) string {
		return `"type":"object","additionalProperties":false,"properties":{` + properties + `}`
	}
	p := func(schema string) string { return `"properties":{"p":{` + schema + `}}` }
	for _, test := range []struct{ name, old, new, want string }{
		{"nothing", closed(`"p":{"type":"string"}`), closed(`"p":{"type":"string"}`), ""},
		{"words", p(`"title":"a","description":"b","examples":[1],"x-unit":"MB"`), p(`"title":"c","default":2`), ""},
		{"property named as a word", p(`"properties":{"title":{"type":"string"}}`), p(`"properties":{"title":{"type":"integer"}}`),
			"backward - /properties/p/properties/title/type\nforward - /properties/p/properties/title/type"},
		{"property added to closed content", closed(`"p":{}`), closed(`"p":{},"q":{"type":"string"}`), "forward - /properties/q"},
		{"property added to open content", `"properties":{"p":{}}`, `"properties":{"p":{},"q":{"type":"string"}}`, "backward - /properties/q/type"},
		{"property of any value added to open content", `"properties":{"p":{}}`, `"properties":{"p":{},"q":{}}`, ""},
		{"property added to partly open content", `"additionalProperties":{"type":"string"}`, `"additionalProperties":{"type":"string"},"properties":{"q":{"type":"string"}}`, ""},
		{"property forbidden", `"properties":{"p":{"type":"string"}}`, `"properties":{"p":false}`, "backward - /properties/p"},
		{"content closed", p(""), closed(`"p":{}`), "backward - /additionalProperties\nbackward - /type"},
		{"required", `"type":"object","required":["a"]`, `"type":"object","required":["a","b"]`, "backward - /required"},
		{"required of what is no object", `"type":"array"`, `"type":"array","required":["b"]`, ""},
		{"wider type", p(`"type":"integer"`), p(`"type":"number"`), "forward - /properties/p/type"},
		{"another type", p(`"type":["integer","null"]`), p(`"type":["null","integer","string"]`), "forward - /properties/p/type"},
		{"longer", p(`"type":"string","maxLength":5`), p(`"type":"string","maxLength":6`), "forward - /properties/p/maxLength"},
		{"lengths of what is no text", p(`"type":"integer","maxLength":5`), p(`"type":"integer"`), ""},
		{"number written otherwise", p(`"minimum":1,"multipleOf":2`), p(`"minimum":1.0,"multipleOf":2.0`), ""},
		{"bound of a bound", p(`"minimum":2`), p(`"exclusiveMinimum":1`), "forward - /properties/p/minimum"},
		{"bound of integers", p(`"type":"integer","minimum":2,"maximum":7.5`), p(`"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":8`), ""},
		{"bound the same but open", p(`"type":"number","minimum":2`), p(`"type":"number","exclusiveMinimum":2`), "backward - /properties/p/exclusiveMinimum"},
		{"tighter", `"items":{"maximum":9,"minimum":-1},"maxItems":4`, `"items":{"maximum":8},"maxItems":3`,
			"backward - /items/maximum\nforward - /items/minimum\nbackward - /maxItems"},
		{"least of none", `"minItems":0`, `"minLength":0,"minProperties":0,"uniqueItems":false`, ""},
		{"properties counted", closed(`"p":{}`) + `,"required":["p"]`, closed(`"p":{}`) + `,"required":["p"],"minProperties":1,"maxProperties":1`, ""},
		{"multiples", p(`"type":"integer","multipleOf":6`), p(`"type":"integer","multipleOf":3`), "forward - /properties/p/multipleOf"},
		{"each item once", `"uniqueItems":true`, `"type":"array"`, "backward - /type\nforward - /uniqueItems"},
		{"pattern added", p(`"type":"string"`), p(`"type":"string","pattern":"^a"`), "backward - /properties/p/pattern"},
		{"pattern changed", p(`"pattern":"^a"`), p(`"pattern":"^(a)"`), "backward ? /properties/p/pattern\nforward ? /properties/p/pattern"},
		{"length beside a pattern", p(`"pattern":"^.{3}$"`), p(`"pattern":"^.{3}$","maxLength":3`), "backward ? /properties/p/maxLength"},
		{"format changed", p(`"format":"ipv4"`), p(`"format":"ipv6"`), "backward ? /properties/p/format\nforward ? /properties/p/format"},
		{"value added", p(`"enum":["a","b"]`), p(`"enum":["b","a","c"]`), "forward - /properties/p/enum"},
		{"values for a constant", p(`"const":"a"`), p(`"enum":["a","b"]`), "forward - /properties/p/enum"},
		{"values as a type", p(`"type":["boolean","null"]`), p(`"enum":[true,null,false]`), ""},
		{"values that fit", p(`"enum":["a","bb",3]`), p(`"type":["string","integer"],"maxLength":2,"minimum":3,"pattern":"^[a-z]+$"`), "forward - /properties/p/enum"},
		{"values that the rest leaves out", p(`"enum":["a",5],"type":"string"`), p(`"type":"string","maxLength":1`), "forward - /properties/p/enum"},
		{"no values", p(`"enum":["a",5],"type":"boolean"`), p(`"const":7`), "forward - /properties/p/const"},
		{"empty enum refuses nothing", p(`"enum":[]`), p(``), ""},
		{"empty enum bounds nothing", p(`"enum":[]`), p(`"type":"string"`), "backward - /properties/p/type"},
		{"items by place", `"prefixItems":[{"type":"string"},{"type":"integer"}],"items":{"type":"null"}`, `"prefixItems":[{"type":"string"}],"items":{"type":["integer","null"]}`, "forward - /items/type\nforward - /items/type"},
		{"names by pattern", `"patternProperties":{"^x":{"type":"string"}},"additionalProperties":false`, `"patternProperties":{"^x":{"type":"string"},"^y":{}},"additionalProperties":false`, "forward - /patternProperties/^y"},
		{"names by pattern, one named", `"patternProperties":{"^x":{"type":"string"}},"additionalProperties":false`, `"properties":{"xa":{"type":"string"}},"patternProperties":{"^x":{"type":"string"}},"additionalProperties":false`, ""},
		{"names of properties", `"propertyNames":{"maxLength":5}`, `"propertyNames":{"maxLength":6}`, "forward - /propertyNames/maxLength"},
		{"names of properties that are known", closed(`"ab":{}`), closed(`"ab":{}`) + `,"propertyNames":{"maxLength":2}`, ""},
		{"values of a map", `"additionalProperties":{"maxLength":5}`, `"additionalProperties":{"maxLength":4}`, "backward - /additionalProperties/maxLength"},
		{"all of", `"allOf":[{"type":"string"},{"maxLength":5}]`, `"type":"string","allOf":[{"maxLength":6},{"minLength":0}]`, "forward - /allOf/0/maxLength"},
		{"alternative added", p(`"anyOf":[{"type":"string"},{"type":"null"}]`), p(`"anyOf":[{"type":"integer"},{"type":"null"},{"type":"string"}]`), "forward ? /properties/p/anyOf"},
		{"alternatives in other words", p(`"type":"string"`), p(`"anyOf":[{"type":"string","title":"x"},{"type":"null"}]`), "forward ? /properties/p/type"},
		{"under alternatives", `"anyOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{"maxLength":5}}`, `"properties":{"a":{"maxLength":4}}`, "forward ? /anyOf\nbackward ? /properties/a/maxLength"},
		{"one of", p(`"oneOf":[{"type":"string"}]`), p(`"oneOf":[{"type":"string"},{"type":"null"}]`), "backward ? /properties/p/oneOf\nforward ? /properties/p/oneOf"},
		{"not", p(`"not":{"type":"string"}`), p(``), "forward ? /properties/p/not"},
		{"if alike", `"if":{"required":["a"]},"then":{"required":["b"]},"properties":{"c":{}}`, `"if":{"required":["a"],"title":"x"},"then":{"required":["b"]},"properties":{"c":{"type":"string"}}`, "backward - /properties/c/type"},
		{"if", `"if":{"required":["a"]},"then":{"required":["b"]}`, `"if":{"required":["a"]},"else":{"required":["b"]}`, "backward ? /if\nforward ? /if"},
		{"contains", `"contains":{"const":1},"minContains":2`, `"contains":{"const":1}`, "backward ? /contains\nforward ? /contains"},
		{"unevaluated", `"properties":{"a":{}},"unevaluatedProperties":false`, `"properties":{"a":{},"b":{}},"unevaluatedProperties":false`, "backward ? /unevaluatedProperties\nforward ? /unevaluatedProperties"},
		{"dependent", `"dependentRequired":{"a":["b"]}`, `"dependentRequired":{"a":["b","c"]}`, "backward ? /dependentRequired\nforward ? /dependentRequired"},
		{"unknown keyword", `"maxlen":5`, `"maxlen":6`, "backward ? /maxlen\nforward ? /maxlen"},
		{"$ref", p(`"$ref":"#/$defs/t"`) + `,"$defs":{"t":{"type":"string","maxLength":5}}`, p(`"type":"string","maxLength":6`), "forward - /properties/p/maxLength"},
		{"$ref to the same words", p(`"$ref":"#/$defs/t"`) + `,"$defs":{"t":{"maxLength":5}}`, p(`"$ref":"#/$defs/t"`) + `,"$defs":{"t":{"maxLength":6}}`, "forward - /$defs/t/maxLength"},
		{"$ref that leads nowhere known", p(`"$ref":"#t"`) + `,"$defs":{"t":{"$anchor":"t","maxLength":5}}`, p(`"$ref":"#t"`) + `,"$defs":{"t":{"$anchor":"t","maxLength":6}}`, "backward ? /properties/p/$ref\nforward ? /properties/p/$ref"},
		{"$ref in a circle", `"properties":{"next":{"$ref":"#"},"v":{"maxLength":5}}`, `"properties":{"next":{"$ref":"#"},"v":{"maxLength":6}}`, "forward - /properties/v/maxLength"},
		{"$ref in a circle of choices", `"anyOf":[{"type":"null"},{"type":"object","properties":{"n":{"$ref":"#"}}}]`, `"anyOf":[{"type":["null","string"]},{"type":"object","properties":{"n":{"$ref":"#"}}}]`, "forward ? /anyOf"},
		{"$ref in a circle, closed in one", `"properties":{"next":true,"v":{"maxLength":5}}`, `"properties":{"next":{"$ref":"#"},"v":{"maxLength":5}}`, "backward - /properties/v/maxLength"},
		{"$ref to what is in $defs of $defs", `"$ref":"#/$defs/t/$defs/u","$defs":{"t":{"$defs":{"u":{"maxLength":5}}}}`, `"$ref":"#/$defs/t/$defs/u","$defs":{"t":{"$defs":{"u":{"maxLength":4}}}}`, "backward - /$defs/t/$defs/u/maxLength"},
		{"odd names", closed(`"a/b~c%d é":{"enum":["x","y"]}`), closed(`"a/b~c%d é":{"enum":["x"]}`), "backward - /properties/a~1b~0c%d é/enum"},
	} {
		t.Run(test.name, func(t *testing.T) {
			was, is := versions(test.old, test.new)
			if got := verdicts(t, was, is); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestDifferenceIsTold: all words, for people.
func TestDifferenceIsTold(t *testing.T) {
	closed := `"type":"object","additionalProperties":false,"properties":{"site":{"type":"object"}`
	was, is := versions(closed+`,"p":{"maxLength":5,"pattern":"^a"},"old":{}}`, closed+`,"p":{"maxLength":4,"pattern":"^b"},"new":{}},"required":["p"]`)
	differences, err := Compatible(was, is)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range differences {
		got = append(got, fmt.Sprintf("%s %t %s: %s; %s", d.Way, d.Undecided, d.Pointer, d.Why, d.WayOut))
	}
	want := []string{
		`forward false /properties/new: property "new" is unknown to 1.0, which is closed; send it under /site where a receiver knows 1.0 only, or bring 1.1 to every receiver before a sender uses it, or publish the document as 2.0`,
		`backward false /properties/old: property "old" is unknown to 1.1, which is closed; keep the property, optional, or publish the document as 2.0`,
		`backward true /properties/p/maxLength: maxLength 5 in 1.0, maxLength 4 in 1.1; leave it as it is, compare by hand, or publish the document as 2.0`,
		`backward true /properties/p/pattern: pattern "^a" in 1.0, pattern "^b" in 1.1; leave it as it is, compare by hand, or publish the document as 2.0`,
		`forward true /properties/p/pattern: pattern "^b" in 1.1, pattern "^a" in 1.0; leave it as it is, compare by hand, or publish the document as 2.0`,
		`backward false /required: property "p" is required by 1.1 and not by 1.0; leave it optional, or publish the document as 2.0`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatASchemaSaysItIs(t *testing.T) {
	was, is := versions(`"type":"object","required":["d"],"properties":{"d":{}}`, `"type":"object","required":["d"],"properties":{"d":{}}`)
	is = []byte(strings.NewReplacer(`"sender"`, `["d"]`, `"state"`, `"static"`).Replace(string(is)))
	if got, want := verdicts(t, was, is), "backward - /x-entity\nforward - /x-entity\nbackward - /x-kind\nforward - /x-kind"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestWhatCannotBeCompared: the error names the document at fault.
func TestWhatCannotBeCompared(t *testing.T) {
	one, two := versions(`"type":"object"`, `"type":"object"`)
	at := func(from, to string) []byte { return []byte(strings.Replace(string(one), from, to, 1)) }
	for _, test := range []struct {
		name     string
		old, new []byte
		want     string
	}{
		{"turned round", two, one, "old is a 1.1 and new is a 1.0: name the older one first"},
		{"the same", one, one, "both are a 1.0: a published version never changes; give the new one a new version in its $id"},
		{"numbers, no texts", at("a:1.0", "a:1.10"), at("a:1.0", "a:1.9"), "old is a 1.10 and new is a 1.9: name the older one first"},
		{"another schema", one, at("a:1.0", "b:1.1"), "old is of schema a and new of schema b: name two versions of one schema"},
		{"no $id", at(`"$id":"urn:cfengine-messages:schema:a:1.0",`, ""), two, "old: /$id: expected urn:cfengine-messages:schema:<id>:<major.minor>, found nothing"},
		{"another $id", one, at("urn:cfengine-messages:schema:a:1.0", "https://example.com/a"), `new: /$id: expected urn:cfengine-messages:schema:<id>:<major.minor>, found string "https://example.com/a"`},
		{"no version", one, at("a:1.0", "a:1"), `new: /$id: expected urn:cfengine-messages:schema:<id>:<major.minor>, found string "urn:cfengine-messages:schema:a:1"`},
		{"no vocabulary", one, at(`"x-kind":"state",`, ""), "new: /x-kind: expected one of common, static, dynamic, state, found nothing"},
		{"no schema", one, at(`"object"`, `"strin"`), `new: /type: value must be one of "array", "boolean", "integer", "null", "number", "object", "string"`},
		{"no JSON", []byte("{"), two, "old: line 1: not JSON: unexpected EOF"},
	} {
		if _, err := Compatible(test.old, test.new); text(err) != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.name, text(err), test.want)
		}
	}
}

// TestManyCirclesEnd: schemas that refer to themselves in many ways are
// undecided in bounded time.
func TestManyCirclesEnd(t *testing.T) {
	circle := func(length string) string {
		var names []string
		for _, name := range strings.Fields("a b c d e f g h") {
			names = append(names, `"`+name+`":{"anyOf":[{"$ref":"#/$defs/t"},{"type":"null","maxLength":`+length+`}]}`)
		}
		return `"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{` + strings.Join(names, ",") + `}}}`
	}
	was, is := versions(circle("5"), circle("6"))
	if _, err := Compatible(was, is); err != nil {
		t.Error(err)
	}
}

// FuzzCompatibleDocuments: no two files bring a program down, and what is
// compared with itself is compatible.
func FuzzCompatibleDocuments(f *testing.F) {
	was, is := versions(nasty, nasty)
	f.Add(was, is)
	was, is = versions(`"$ref":"#/$defs/a b","$defs":{"a b":{"enum":[1,{"x":1e300}],"multipleOf":1e-300}}`, `"prefixItems":[false],"anyOf":[{"const":null}],"patternProperties":{"":{}}`)
	f.Add(was, is)
	f.Fuzz(func(t *testing.T, old, new []byte) {
		_, _ = Compatible(old, new)
		s, err := Parse("a", old)
		if err != nil {
			return
		}
		if differences := compare(s, s, Backward); len(differences) > 0 {
			t.Errorf("%s: differs from itself: %v", old, differences)
		}
	})
}
