package schemas

import (
	"reflect"
	"strings"
	"testing"
)

func TestHostSaysWhatItIs(t *testing.T) {
	s := find(t, "host", "1.0")
	if s.Kind != Common || !s.Entity.Sender || !reflect.DeepEqual(s.Unique, []string{"fqhost"}) {
		t.Errorf("kind %q, entity %+v, unique %q", s.Kind, s.Entity, s.Unique)
	}
}

func TestReceiptHasTheCodesOfTheDesign(t *testing.T) {
	want := strings.Fields("too_large malformed unsigned unknown_sender bad_signature not_for_me expired unknown_schema denied invalid_content busy")
	got := texts(asList(properties(find(t, "receipt", "1.0").doc)["code"]["enum"]))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestVerdicts: what a schema must accept and refuse beyond its own examples.
// want "" is accepted; else the whole text of the refusal.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct{ schema, content, want string }{
		// What CFEngine 3.21.0 delivers on a host without a domain: numbers as strings, a short fqhost.
		{"host", `{"uqhost":"vm","fqhost":"vm","domain":"","os":"linux","cpus":"2","os_version_major":"12","version":"#1 SMP PREEMPT_DYNAMIC @0"}`, ""},
		{"host", `{"uqhost":"vm","cpus":2,"os_version_major":"Unknown"}`, ""},
		{"host", `{"uqhost":"vm","role":"","site":{"rack":{"row":[1,null]}}}`, ""},
		{"host", `{"uqhost":"a","cpus":true}`, `host 1.0: /cpus: expected integer or string of digits, 1 to 999999, found boolean true (type integer or string)`},
		{"host", `{"uqhost":"a","cpus":"four"}`, `host 1.0: /cpus: expected integer or string of digits, 1 to 999999, found string "four" (pattern ^[1-9][0-9]{0,5}$)`},
		{"host", `{"uqhost":"a","cpus":0}`, `host 1.0: /cpus: expected integer or string of digits, 1 to 999999, found number 0 (minimum 1)`},
		{"host", `{"uqhost":"a","cpus":1.5}`, `host 1.0: /cpus: expected integer or string of digits, 1 to 999999, found number 1.5 (type integer or string)`},
		{"host", `{"uqhost":""}`, `host 1.0: /uqhost: expected host name of at most 253 letters, digits, hyphens, underscores and dots, found string "" (pattern ^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$)`},
		{"host", `{"uqhost":"a\n"}`, `host 1.0: /uqhost: expected host name of at most 253 letters, digits, hyphens, underscores and dots, found string "a\n" (pattern ^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$)`},
		{"host", `{"uqhost":"../etc"}`, `host 1.0: /uqhost: expected host name of at most 253 letters, digits, hyphens, underscores and dots, found string "../etc" (pattern ^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$)`},
		{"host", `{"domain":"x"}`, `host 1.0: property "uqhost" is missing`},
		{"host", `{"uqhost":"a","rolle":"web"}`, `host 1.0: /rolle: unknown property "rolle"; a site's own go under /site`},
		{"host", `["a"]`, `host 1.0: expected object, found array of 1`},
		{"host", `null`, `host 1.0: expected object, found null`},
		{"host", ``, `host 1.0: expected one JSON value: EOF`},
		{"host", `{} {}`, `host 1.0: expected one JSON value: more follows after the first`},
		{"host", `{"uqhost":"a","cpus":1e10000000}`, `host 1.0: /cpus: expected a number of at most 40 characters with an exponent from -308 to 308, found 1e10000000; send it as a string`},
		{"host", `{"uqhost":"a","site":{"a/b":[0,1e-309]}}`, `host 1.0: /site/a~1b/1: expected a number of at most 40 characters with an exponent from -308 to 308, found 1e-309; send it as a string`},
		{"host", `{"uqhost":"a","site":{"n":` + strings.Repeat("1", 40) + `}}`, ""},
		{"host", `{"uqhost":"a","site":{"n":` + strings.Repeat("1", 41) + `}}`, `host 1.0: /site/n: expected a number of at most 40 characters with an exponent from -308 to 308, found ` + strings.Repeat("1", 40) + `…; send it as a string`},
		{"receipt", `{"status":"refused","code":"unknown_sender"}`, ""}, // who is not trusted gets no reason
		{"receipt", `{"status":"refused","reason":"no"}`, `receipt 1.1: property "code" is missing`},
		{"receipt", `{"status":"duplicate","code":"busy"}`, `receipt 1.1: /code: not allowed here`},
		{"receipt", `{"status":"stored","reason":"fine"}`, `receipt 1.1: /reason: not allowed here`},
		{"receipt", `{"status":"refused","code":"nope"}`, `receipt 1.1: /code: expected one of "too_large", "malformed", "unsigned", "unknown_sender", "bad_signature", "not_for_me", "expired", "unknown_schema", "denied", "invalid_content", "busy", found string "nope"`},
		{"receipt", `{"status":"stored","wants":["network","network"]}`, `receipt 1.1: /wants: items at index 0 and 1 are equal`},
		{"receipt", `{"status":"stored","wants":["../x"]}`, `receipt 1.1: /wants/0: expected schema id, found string "../x" (pattern ^[a-z][a-z0-9_]{0,63}$)`},
		{"receipt", `{"status":"stored","view":{"name":"host_context"}}`, `receipt 1.1: /view: property "data" is missing`},
	} {
		got := ""
		if err := find(t, test.schema, "").Validate([]byte(test.content)); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s %s\n got %s\nwant %s", test.schema, test.content, got, test.want)
		}
	}
}
