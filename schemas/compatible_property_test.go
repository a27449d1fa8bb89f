package schemas

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// small are schemas whose contents are easily hit; the members of each, then contents.
var small = [][]string{
	{`"type":"object","required":["a"],"additionalProperties":false,"properties":{"a":{"type":["integer","string"],"minimum":1,"maximum":9,"pattern":"^[1-9]$"},"b":{"enum":["x","y",1,null]},"site":{"type":"object"}}`,
		`{"a":1}`, `{"a":"5","b":"x","site":{"z":1}}`},
	{`"type":"object","propertyNames":{"maxLength":3},"maxProperties":3,"minProperties":1,"additionalProperties":{"type":"string","minLength":1,"maxLength":2}`,
		`{"a":"b","abc":"bb"}`, `{"x":"1"}`},
	{`"type":"array","minItems":1,"maxItems":3,"items":{"type":"number","multipleOf":0.5,"exclusiveMaximum":3},"uniqueItems":true`,
		`[1,2.5]`, `[0.5]`},
	{`"properties":{"p":{"anyOf":[{"type":"integer","minimum":2},{"type":"string","maxLength":2}]}},"patternProperties":{"^x":{"type":"boolean"}},"additionalProperties":{"type":"null"}`,
		`{"p":2,"x1":true,"q":null}`, `{"p":"ab"}`},
	{`"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"v":{"type":"integer","maximum":3},"next":{"$ref":"#/$defs/t"}},"required":["v"]}}`,
		`{"v":1,"next":{"v":2}}`, `{"v":3}`},
	{`"allOf":[{"type":"object","properties":{"a":{"maxLength":2}}},{"required":["a"]}],"properties":{"a":{"type":"string","minLength":1}},"if":{"required":["b"]},"then":{"required":["c"]}`,
		`{"a":"ab"}`, `{"a":"a","b":1,"c":2}`},
	{`"prefixItems":[{"type":"string"},{"type":"integer"}],"items":{"type":"boolean"}`, `["a",1,true]`, `["b"]`},
}

// subject is a schema to vary, and contents that fit it.
type subject struct {
	members  string // beside the vocabulary
	contents []string
}

func subjects(t testing.TB) []subject {
	var all []subject
	for _, s := range small {
		all = append(all, subject{s[0], s[1:]})
	}
	for _, s := range shipped(t) {
		doc := map[string]any{}
		for keyword, v := range s.doc {
			if keyword[0] != '$' && !strings.HasPrefix(keyword, "x-") {
				doc[keyword] = v
			}
		}
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		one := subject{members: string(b[1 : len(b)-1])}
		for _, example := range asList(s.doc["examples"]) {
			b, err := json.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			one.contents = append(one.contents, string(b))
		}
		all = append(all, one)
	}
	return all
}

// tally counts what the trials came to, so that a test that tries nothing fails.
type tally struct{ compatible, contents, incompatible, witnessed int }

// TestCompatibleContentsFit varies schemas and contents: whatever fits one
// version fits the other, where that way is said to be compatible.
func TestCompatibleContentsFit(t *testing.T) {
	var n tally
	all := subjects(t)
	for seed := range uint64(150) {
		try(t, all, seed, &n)
	}
	t.Logf("%+v", n)
	if n.compatible < 100 || n.contents < 5000 || n.witnessed*3 < n.incompatible {
		t.Errorf("too little was tried: %+v", n)
	}
}

func FuzzCompatible(f *testing.F) {
	all := subjects(f)
	f.Add(uint64(1 << 40))
	f.Fuzz(func(t *testing.T, seed uint64) { try(t, all, seed, &tally{}) })
}

// try makes two versions and contents out of a seed.
func try(t *testing.T, all []subject, seed uint64, n *tally) {
	v := varier{rand.New(rand.NewPCG(seed, 1))}
	one := all[v.IntN(len(all))]
	if v.IntN(3) > 0 {
		one = all[v.IntN(len(small))]
	}
	old := one.members
	if v.IntN(2) == 0 {
		old = v.schema(t, old)
	}
	was, is := versions(old, v.schema(t, old))
	differences, err := Compatible(was, is)
	if err != nil {
		return // a variation that is no schema
	}
	ways := map[Way][]bool{} // of each difference, whether it is undecided
	for _, d := range differences {
		ways[d.Way] = append(ways[d.Way], d.Undecided)
	}
	first, _ := Parse("old", was)
	second, _ := Parse("new", is)
	pool := v.pool(first.doc, second.doc)
	for way, pair := range map[Way][2]*Schema{Backward: {first, second}, Forward: {second, first}} {
		misfits := 0
		for range 80 {
			content := v.content(t, one.contents[v.IntN(len(one.contents))], pool)
			if pair[0].Validate(content) != nil {
				continue
			}
			n.contents++
			if err := pair[1].Validate(content); err != nil {
				misfits++
				if len(ways[way]) == 0 {
					t.Fatalf("seed %d: %s is said to hold\nold %s\nnew %s\n%s fits, but: %v", seed, way, was, is, content, err)
				}
			}
		}
		if len(ways[way]) == 0 {
			n.compatible++
		} else if slices.Contains(ways[way], false) {
			n.incompatible++
			n.witnessed += min(misfits, 1)
		}
	}
}
