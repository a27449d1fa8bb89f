package schemas

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"
)

const head = `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:cfengine-messages:schema:a:1.0","x-kind":"state","x-entity":"sender",`

func loaded(t testing.TB, members string) *Schema {
	t.Helper()
	s, err := load("a/1.0.json", "a", "1.0", []byte(head+members+"}"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWords: keywords that the shipped schemas do not use, as sites will.
func TestWords(t *testing.T) {
	for _, test := range []struct{ schema, content, want string }{
		{`"properties":{"p":{"anyOf":[{"type":"integer"},{"type":"string","pattern":"^[0-9]+$","title":"string of digits"}]}}`, `{"p":true}`, `/p: expected integer or string of digits, found boolean true`},
		{`"properties":{"p":{"anyOf":[{"type":"integer"},{"type":"string","pattern":"^[0-9]+$","title":"string of digits"}]}}`, `{"p":"x"}`, `/p: expected integer or string of digits, found string "x"`},
		{`"properties":{"p":{"anyOf":[{"$ref":"#/$defs/d"},{"type":"null"}]}},"$defs":{"d":{"type":"object","required":["q"]}}`, `{"p":{}}`, `/p: property "q" is missing`},
		{`"properties":{"p":{"anyOf":[{"$ref":"#/$defs/d"},{"type":"null"}]}},"$defs":{"d":{"type":"object","required":["q"]}}`, `{"p":1}`, `/p: expected object or null, found number 1`},
		{`"oneOf":[{"properties":{"k":{"const":"a"},"v":{"type":"integer"}}},{"properties":{"k":{"const":"b"},"v":{"type":"string"}}}]`, `{"k":"b","v":7}`, `/v: expected string, found number 7`},
		{`"oneOf":[{"type":"integer"},{"minimum":1}]`, `2`, `expected to fit exactly one of the alternatives, fits more`},
		{`"properties":{"p":{"type":"string","format":"ipv4"}}`, `{"p":"300.1.1.1"}`, `/p: expected string, found string "300.1.1.1" (format ipv4)`},
		{`"properties":{"p":{"title":"Port","type":"integer","maximum":65535}}`, `{"p":70000}`, `/p: expected Port, found number 70000 (maximum 65535)`},
		{`"properties":{"p":{"const":"tcp"}}`, `{"p":"udp"}`, `/p: expected "tcp", found string "udp"`},
		{`"type":"array","items":{"$ref":"#/$defs/d"},"$defs":{"d":{"type":"object","properties":{"q":{"type":"string"}},"additionalProperties":false}}`, `[{"q":"x"},{"q":1,"r":2}]`, `/1/q: expected string, found number 1; /1/r: unknown property "r"`},
		{`"properties":{"p":true},"unevaluatedProperties":false`, `{"q":1}`, `/q: unknown property "q"`},
		{`"properties":{"site":{"type":"object"}},"patternProperties":{"^x_":true},"additionalProperties":false`, `{"x_1":1,"y":1}`, `/y: unknown property "y"; a site's own go under /site`},
		{`"propertyNames":{"pattern":"^[a-z]+$"}`, `{"A":1}`, `/A: name of the property: does not match pattern '^[a-z]+$'`},
		{`"dependentRequired":{"p":["q"]}`, `{"p":1}`, `property 'q' is required, if 'p' property exists`},
		{`"type":"array","minItems":2`, `[1]`, `expected array, found array of 1 (minItems 2)`},
		{`"properties":{"p":{"not":{"type":"null"}}}`, `{"p":null}`, `/p: not failed`},
		// Properties that bear the names of keywords.
		{`"properties":{"required":false}`, `{"required":1}`, `/required: not allowed here`},
		{`"properties":{"anyOf":{"type":"string","minLength":2,"pattern":"b"}}`, `{"anyOf":"a"}`, `/anyOf: expected string, found string "a" (minLength 2)`},
		{`"properties":{"a/b~c%":{"type":"string"}}`, `{"a/b~c%":1}`, `/a~1b~0c%: expected string, found number 1`},
	} {
		want := ""
		if test.want != "" {
			want = "a 1.0: " + test.want
		}
		if err := loaded(t, test.schema).Validate([]byte(test.content)); err == nil || err.Error() != want {
			t.Errorf("{%s} %s\n got %v\nwant %s", test.schema, test.content, err, want)
		}
	}
}

func TestProblemsAreFewSortedAndCounted(t *testing.T) {
	s := find(t, "host", "")
	content := []byte(`{"arch":1,"class":1,"cpus":{},"domain":1,"fqhost":1,"os":1,"zzz":1,"aaa":1}`)
	first := s.Validate(content).Error()
	if !strings.HasPrefix(first, `host 1.0: property "uqhost" is missing; /aaa: unknown`) || !strings.HasSuffix(first, "; and 4 more") || strings.Count(first, "expected ") != 3 {
		t.Error(first)
	}
	for range 20 {
		if again := s.Validate(content).Error(); again != first {
			t.Fatalf("differs from try to try:\n%s\n%s", first, again)
		}
	}
}

func TestShownValuesAreBoundedAndHarmless(t *testing.T) {
	evil := "\x1b[31m\u202e\x00" + strings.Repeat("é", 10_000)
	for _, v := range []any{
		map[string]any{"uqhost": evil, evil: evil, "cpus": strings.Repeat("9", 10_000)},
		map[string]any{"uqhost": "a", "cpus": json.Number(strings.Repeat("9", 10_000))},
		map[string]any{"uqhost": "a", evil: json.Number("1e999")},
	} {
		content, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		err = find(t, "host", "").Validate(content)
		if err == nil {
			t.Errorf("%.60q passed", content)
		}
		checkHarmless(t, err)
	}
	checkHarmless(t, (&Unknown{ID: evil, Version: evil, Known: []string{"host"}}))
}

// checkHarmless is what must hold for every refusal, whatever was sent.
func checkHarmless(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%q holds what is not printable at %d", text, i)
	}
	if n := utf8.RuneCountInString(text); n > maxProblems*(maxPointer+2*maxText+2*maxFound+100) {
		t.Errorf("%d characters", n)
	}
	var invalid *Invalid
	if errors.As(err, &invalid) && (len(invalid.Problems) == 0 || len(invalid.Problems) > maxProblems) {
		t.Errorf("%d problems", len(invalid.Problems))
	}
}

func TestDepthIsBounded(t *testing.T) {
	s := find(t, "host", "")
	nest := func(n int) []byte {
		return []byte(`{"uqhost":"a","site":{"n":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`)
	}
	if err := s.Validate(nest(maxDepth - 2)); err != nil {
		t.Error(err)
	}
	if err := s.Validate(nest(maxDepth)); err == nil || !strings.Contains(err.Error(), "at most 64 levels") {
		t.Error(err)
	}
}

// TestPanicOfTheValidatorIsARefusal goes round the guard, with the number that
// v5 does not survive (facts/storage.md 7.2).
func TestPanicOfTheValidatorIsARefusal(t *testing.T) {
	s := find(t, "host", "")
	if err := s.Compile(); err != nil {
		t.Fatal(err)
	}
	var invalid *Invalid
	err := s.validate(map[string]any{"uqhost": "a", "cpus": json.Number("1e10000000")})
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "cannot take") {
		t.Errorf("got %v", err)
	}
	if _, err := compile("urn:x", []byte(`{"maxLength":1e10000000}`)); err == nil || !strings.Contains(err.Error(), "cannot take") {
		t.Errorf("got %v", err)
	}
}

func TestNumbersAreNotRounded(t *testing.T) {
	s := loaded(t, `"type":"integer","maximum":9007199254740992`)
	if err := s.Validate([]byte("9007199254740993")); err == nil {
		t.Error("2^53+1 passed for 2^53")
	}
}

func TestOneSchemaManyCallers(t *testing.T) {
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			s, err := r.Find("host", "")
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Validate([]byte(`{"uqhost":"a"}`)); err != nil {
				t.Error(err)
			}
			if err := s.Validate([]byte(`{"cpus":[]}`)); err == nil {
				t.Error("passed")
			}
		})
	}
	callers.Wait()
}
