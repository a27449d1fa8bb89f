package schemas

import (
	"errors"
	"strings"
	"testing"
)

// TestDocumentsAreChecked: want lists every line of the error, "" for none.
func TestDocumentsAreChecked(t *testing.T) {
	object := `"type":"object","properties":{"d":{"type":"string"},"e":{}},"required":["d"]`
	with := func(entity, rest string) string {
		return strings.Replace(head, `"sender"`, entity, 1) + rest + "}"
	}
	for _, test := range []struct{ name, document, want string }{
		{"any value", head + `"type":"array"}`, ""},
		{"list as entity", with(`["d"]`, object+`,"x-unique":["e"]`), ""},
		{"own $ref", head + `"$ref":"#/$defs/x","$defs":{"x":{"$ref":"urn:cfengine-messages:schema:a:1.0#/$defs/y"},"y":{}}}`, ""},
		{"data that looks like a $ref", head + `"const":{"$ref":"http://x"},"examples":[{"format":"no"}],"properties":{"$ref":{},"format":{}}}`, ""},
		{"empty", ``, "a/1.0.json: not JSON: EOF"},
		{"no object", `true`, "a/1.0.json: expected a JSON Schema, which is an object, found boolean true"},
		{"torn", "{\n\"a\": tru", "a/1.0.json: /a: line 2: not JSON: unexpected EOF"},
		{"two", head + `"type":"array"} {}`, "a/1.0.json: not JSON: more follows after the first value"},
		{"repeated key", head + "\n" + `"type":"array","type":"array"}`, "a/1.0.json: /type: line 2: not JSON: duplicate object member name"},
		{"huge number", head + `"maxLength":1e10000000}`, "a/1.0.json: /maxLength: expected a number of at most 40 characters with an exponent from -308 to 308, found 1e10000000; send it as a string"},
		{"draft and id", `{"$schema":"http://json-schema.org/draft-07/schema#","$id":"urn:x","x-kind":"state","x-entity":"sender"}`,
			`a/1.0.json: /$schema: expected "https://json-schema.org/draft/2020-12/schema", found string "http://json-schema.org/draft-07/schema#"
a/1.0.json: /$id: expected "urn:cfengine-messages:schema:a:1.0", found string "urn:x"`},
		{"no vocabulary", `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:cfengine-messages:schema:a:1.0"}`,
			`a/1.0.json: /x-kind: expected one of common, static, dynamic, state, found nothing
a/1.0.json: /x-entity: expected "sender" or a list of properties, found nothing`},
		{"kind", strings.Replace(head, "state", "status", 1) + `"type":"array"}`, `a/1.0.json: /x-kind: expected one of common, static, dynamic, state, found string "status"`},
		{"entity of another word", with(`"host"`, object), `a/1.0.json: /x-entity: expected "sender" or a list of properties, found string "host"`},
		{"empty entity", with(`[]`, object), `a/1.0.json: /x-entity: expected "sender" or a list of properties, found an empty one`},
		{"entity not required", with(`["d","e"]`, object), `a/1.0.json: /x-entity/1: property "e" must be required: without it nobody knows what the content is about`},
		{"entity not there", with(`["f",1]`, object), `a/1.0.json: /x-entity/0: property "f" is not among /properties
a/1.0.json: /x-entity/1: expected the name of a property, found number 1
a/1.0.json: /x-entity/0: property "f" must be required: without it nobody knows what the content is about`},
		{"entity of no object", with(`["d"]`, `"properties":{"d":{}},"required":["d"]`), `a/1.0.json: /type: expected "object", as x-entity or x-unique name properties, found nothing`},
		{"unique", head + object + `,"x-unique":["e","e","f"]}`, `a/1.0.json: /x-unique/1: property "e" is named twice
a/1.0.json: /x-unique/2: property "f" is not among /properties`},
		{"unique as text", head + object + `,"x-unique":"e"}`, `a/1.0.json: /x-unique: expected a list of properties, found string "e"`},
		{"remote $ref", head + `"properties":{"p":{"items":{"$ref":"https://x/y"}}}}`, `a/1.0.json: /properties/p/items/$ref: "https://x/y" leads out of the document, and nothing is fetched; copy it under $defs and refer to it as #/$defs/NAME`},
		{"$ref to a file", head + `"allOf":[{"$ref":"../b/1.0.json"}]}`, `a/1.0.json: /allOf/0/$ref: "../b/1.0.json" leads out of the document, and nothing is fetched; copy it under $defs and refer to it as #/$defs/NAME`},
		{"inner $id", head + `"$defs":{"x/y":{"$id":"urn:x"}}}`, `a/1.0.json: /$defs/x~1y/$id: only the whole document has one`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := load("a/1.0.json", "a", "1.0", []byte(test.document))
			if err == nil {
				err = s.Compile()
			}
			if got := text(err); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestUnknownFormatIsRefused(t *testing.T) {
	_, err := load("a/1.0.json", "a", "1.0", []byte(head+`"properties":{"p":{"format":"ip4"}}}`))
	if err == nil || !strings.HasPrefix(err.Error(), `a/1.0.json: /properties/p/format: "ip4" is not known and would check nothing; known are date, `) {
		t.Error(err)
	}
}

// TestWhatIsNoSchemaBlamesTheFile: the meta-schema's verdict is no *Invalid,
// which would blame the sender.
func TestWhatIsNoSchemaBlamesTheFile(t *testing.T) {
	for _, test := range []struct{ members, want string }{
		{`"properties":{"p":{"type":"strin"}},"required":"p"`, `a/1.0.json: /properties/p/type: value must be one of "array", "boolean", "integer", "null", "number", "object", "string"` + "\n" + `a/1.0.json: /required: expected array, but got string`},
		{`"pattern":"("`, `a/1.0.json: /pattern: '(' is not valid 'regex'`},
		{`"$ref":"#/$defs/no"`, `a/1.0.json: urn:cfengine-messages:schema:a:1.0#/$defs/no not found`},
		{`"$ref":"#"`, `a/1.0.json: infinite loop urn:cfengine-messages:schema:a:1.0#/$ref`},
	} {
		err := loaded(t, test.members).Validate([]byte(`1`))
		var invalid *Invalid
		if errors.As(err, &invalid) || text(err) != test.want {
			t.Errorf("\n got %v\nwant %s", err, test.want)
		}
	}
}

// TestNothingIsFetched goes round the check of the document.
func TestNothingIsFetched(t *testing.T) {
	_, err := compile("urn:x", []byte(`{"$ref":"file:///etc/hostname"}`))
	if err == nil || !strings.Contains(err.Error(), "nothing is fetched") {
		t.Error(err)
	}
}

func TestDefaultsOfTheKinds(t *testing.T) {
	for kind, want := range map[Kind]Defaults{
		Common: {"request", "changed"}, Static: {"request", "changed"},
		Dynamic: {"push", "always"}, State: {"async_request", "always"}, "": {},
	} {
		if got := kind.Defaults(); got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}
