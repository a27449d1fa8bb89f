package schemas

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// varier makes one thing out of another.
type varier struct{ *rand.Rand }

func (v varier) of(some ...any) any { return some[v.IntN(len(some))] }

func value(t testing.TB, text string) any {
	x, err := decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return x
}

// schema varies one to three keywords.
func (v varier) schema(t testing.TB, members string) string {
	doc := value(t, "{"+members+"}").(map[string]any)
	for range 1 + v.IntN(3) {
		var places []map[string]any
		eachSchema(doc, "", func(schema map[string]any, _ string) { places = append(places, schema) })
		v.keyword(t, places[v.IntN(len(places))])
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[1 : len(b)-1])
}

var bounding = strings.Fields("minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems minProperties maxProperties multipleOf")

// keyword varies one keyword of a schema.
func (v varier) keyword(t testing.TB, schema map[string]any) {
	keywords := slices.Sorted(maps.Keys(schema))
	if len(keywords) > 0 && v.IntN(4) == 0 {
		if gone := keywords[v.IntN(len(keywords))]; gone != "$defs" {
			delete(schema, gone)
		}
		return
	}
	if len(keywords) > 0 && v.IntN(2) == 0 {
		name := keywords[v.IntN(len(keywords))]
		schema[name] = v.changed(schema[name])
		return
	}
	some := func(keyword string, values ...string) { schema[keyword] = value(t, values[v.IntN(len(values))]) }
	schemas := []string{`true`, `false`, `{}`, `{"type":"string"}`, `{"type":["string","integer"],"maxLength":3}`, `{"maximum":5}`, `{"enum":["x",1]}`, `{"type":"object","additionalProperties":false}`}
	switch v.IntN(18) {
	case 0, 1, 2:
		schema[bounding[v.IntN(len(bounding))]] = json.Number(strconv.Itoa(v.IntN(4)))
	case 3:
		some("type", `"object"`, `"array"`, `["string","null"]`, `"integer"`, `["number","string","object"]`, `"string"`)
	case 4, 5, 6:
		properties, _ := schema["properties"].(map[string]any)
		if properties == nil {
			properties = map[string]any{}
			schema["properties"] = properties
		}
		properties[v.of("a", "b", "p", "x1", "q", "new").(string)] = value(t, v.of(anys(schemas)...).(string))
	case 7:
		some("required", `["a"]`, `["b","a"]`, `["q"]`, `[]`)
	case 8:
		some("additionalProperties", schemas...)
	case 9:
		some("patternProperties", `{"^x":{"type":"string"}}`, `{"^x":true,"1$":{"maximum":3}}`, `{"":false}`)
	case 10:
		some("items", schemas...)
	case 11:
		some("enum", `["x","y"]`, `[1,2,null]`, `["x","y",1,null,true]`, `[]`)
	case 12:
		some("const", `"x"`, `1.0`, `{"a":1}`)
	case 13:
		some("pattern", `"^[a-z]*$"`, `"^.{0,2}$"`)
	case 14:
		some("propertyNames", `{"maxLength":2}`, `{"pattern":"^[a-z]"}`, `{"enum":["a","b","p"]}`)
	case 15:
		some("anyOf", `[{"type":"string"},{"type":"object"}]`, `[{"type":"object","maxProperties":2},{"type":"array"},{"type":["string","null","integer"]}]`, `[{"required":["a"]},{"required":["p"]}]`)
	case 16:
		some("allOf", `[{"maxProperties":2}]`, `[{"type":["object","array"]},{"minItems":1}]`, `[{"properties":{"a":{"maxLength":2}}}]`)
	case 17:
		rare := map[string][]string{"not": schemas, "if": schemas, "then": schemas, "contains": schemas, "unevaluatedProperties": schemas,
			"uniqueItems": {"true", "false"}, "format": {`"ipv4"`, `"date"`}, "dependentRequired": {`{"a":["b"]}`},
			"prefixItems": {`[{"type":"number"}]`, `[true,{"maximum":3}]`}, "oneOf": {`[{"maximum":2},{"minimum":2}]`, `[true]`}}
		keyword := v.of(anys(slices.Sorted(maps.Keys(rare)))...).(string)
		some(keyword, rare[keyword]...)
	}
}

func anys(some []string) []any {
	all := make([]any, len(some))
	for i, s := range some {
		all[i] = s
	}
	return all
}

// changed varies the value of a keyword a little.
func (v varier) changed(value any) any {
	switch x := value.(type) {
	case json.Number:
		f, _ := x.Float64()
		return json.Number(strconv.FormatFloat(max(0, f+float64(v.IntN(3)-1)), 'f', -1, 64))
	case []any:
		list := slices.Clone(x)
		if len(list) > 1 && v.IntN(2) == 0 {
			i := v.IntN(len(list))
			return slices.Delete(list, i, i+1)
		}
		return append(list, v.of("a", "integer", "null", "z"))
	case map[string]any:
		names := slices.Sorted(maps.Keys(x))
		if len(names) > 0 && v.IntN(2) == 0 {
			delete(x, names[v.IntN(len(names))])
		}
	case bool:
		return !x
	}
	return value
}

// pool is values to put into contents: those at and beside every bound.
func (v varier) pool(docs ...map[string]any) []any {
	pool := []any{nil, true, "", "a", "x1", "zz", "192.0.2.1", json.Number("1"), json.Number("2.5"), json.Number("-1"), []any{}, map[string]any{}, map[string]any{"a": "x"}, []any{"a", json.Number("1")}}
	for _, doc := range docs {
		eachSchema(doc, "", func(schema map[string]any, _ string) {
			for _, keyword := range bounding {
				n, ok := schema[keyword].(json.Number)
				f, err := n.Float64()
				if !ok || err != nil {
					continue
				}
				for _, beside := range []float64{-1, -0.5, 0, 1} {
					pool = append(pool, json.Number(strconv.FormatFloat(f+beside, 'f', -1, 64)))
				}
				if strings.HasSuffix(keyword, "Length") && f < 2000 {
					pool = append(pool, strings.Repeat("a", int(f)), strings.Repeat("a", int(f)+1))
				}
			}
			pool = append(pool, asList(schema["enum"])...)
		})
	}
	return pool
}

// content varies a content in up to three places.
func (v varier) content(t testing.TB, text string, pool []any) []byte {
	x := value(t, text)
	for range v.IntN(4) {
		x = v.place(x, pool)
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v varier) place(x any, pool []any) any {
	switch c := x.(type) {
	case map[string]any:
		names := append(slices.Sorted(maps.Keys(c)), "a", "b", "p", "q", "x1", "new", "site")
		name := names[v.IntN(len(names))]
		c = maps.Clone(c)
		if v.IntN(4) == 0 {
			delete(c, name)
		} else if inner, ok := c[name]; ok && v.IntN(2) == 0 {
			c[name] = v.place(inner, pool)
		} else {
			c[name] = pool[v.IntN(len(pool))]
		}
		return c
	case []any:
		c = slices.Clone(c)
		if len(c) == 0 || v.IntN(3) == 0 {
			return append(c, pool[v.IntN(len(pool))])
		}
		i := v.IntN(len(c))
		if v.IntN(3) == 0 {
			return slices.Delete(c, i, i+1)
		}
		c[i] = v.place(c[i], pool)
		return c
	}
	return pool[v.IntN(len(pool))]
}
