package schemas

import (
	"errors"
	"testing"
)

// nasty uses the keywords that the shipped schemas do not, so that the fuzzer
// walks every way of telling a refusal.
const nasty = `"properties":{"a":{"anyOf":[{"type":"integer","multipleOf":3},{"type":"string","format":"date-time"},{"$ref":"#/$defs/d"}]},
"b":{"oneOf":[{"const":1},{"minimum":1},{"type":"object","maxProperties":1}]},"c":{"type":"array","contains":{"const":"x"},"uniqueItems":true,"prefixItems":[{"type":"null"}],"unevaluatedItems":false},
"e":{"$ref":"#"},"f":{"not":{"type":"string"}},"g":{"enum":[1,"x",null,[1],{"y":2}]},"anyOf":false},
"patternProperties":{"^x":{"maxLength":2}},"propertyNames":{"maxLength":5},"dependentRequired":{"a":["b"]},"unevaluatedProperties":false,
"$defs":{"d":{"type":"object","required":["q"],"additionalProperties":{"exclusiveMaximum":1.5}}}`

func FuzzValidate(f *testing.F) {
	all := append(shipped(f), loaded(f, nasty))
	for _, content := range []string{
		`{"uqhost":"a","cpus":"4","site":{"x":[1,2.5,null]}}`, `{"uqhost":"a","cpus":1e10000000}`, `{"cpus":true,"rolle":"\u0000\u202e"}`,
		`{"status":"refused","code":"busy","reason":"later"}`, `{"status":"stored","view":{"name":"v","data":{}},"wants":["a","a"]}`,
		`{"a":{"z":9},"b":1,"c":["x","x",1],"e":{"e":{"e":5}},"f":"","g":2,"xx":"long","anyOf":1,"tooolong":1}`, `[[[[]]]]`, `1e-400`, `"`, `{"a":1} 2`, "\xff", `{"\ud800":1}`, ``,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, s := range all {
			err := s.Validate(content)
			var invalid *Invalid
			if err != nil && !errors.As(err, &invalid) {
				t.Fatalf("%s: not a refusal: %v", s.ID, err)
			}
			checkHarmless(t, err)
			checkPlan(t, s, content)
		}
	})
}

// checkPlan: what the plan accepts, the validator accepts.
func checkPlan(t *testing.T, s *Schema, content []byte) {
	if s.Compile() != nil || !s.accepts(content) {
		return
	}
	if err := s.ask(content); err != nil {
		t.Fatalf("%s\nthe plan of %s accepts\n%s\nand the validator says: %v", content, s.ID, s.Document, err)
	}
}

// FuzzDocument: no file of a site brings a program down.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(head+nasty+"}"), []byte(`{}`))
	f.Add([]byte(head+`"$ref":"#"}`), []byte(`1`))
	f.Add([]byte(head+`"maxLength":1e308,"pattern":"a{1000}"}`), []byte(`"a"`))
	f.Fuzz(func(t *testing.T, document, content []byte) {
		if s, err := load("a/1.0.json", "a", "1.0", document); err == nil {
			_ = s.Validate(content)
			checkPlan(t, s, content)
		}
	})
}
