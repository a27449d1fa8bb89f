package promise

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// with returns a promise with the attribute a.
func with(raw string) Promise {
	return Promise{Attributes: map[string]json.RawMessage{"a": json.RawMessage(raw)}}
}

func TestAttributes(t *testing.T) {
	const call = `{"arguments":["x","md5"],"name":"hash","type":"function-call"}`
	for _, test := range []struct{ as, raw, want string }{
		{"text", `"x y"`, "x y"},
		{"text", `""`, ""},
		{"text", `"a\nb\"\u001b漢"`, "a\nb\"\x1b漢"},
		{"text", `5`, "expected a string, got 5"},
		{"text", `true`, "expected a string, got true"},
		{"text", `null`, "expected a string, got null"},
		{"text", `["a"]`, "expected a string, got a list"},
		{"text", `{"x":1}`, "expected a string, got a container"},
		{"text", call, "expected a string, got a call of hash() that the agent did not make (as in a custom body)"},
		{"text", "\"caf\xe9\"", "expected a string, got bytes that are not UTF-8"},

		{"list", `["a","b c",""]`, "[a b c ]"},
		{"list", `[]`, "[]"},
		{"list", `"one"`, "[one]"},
		{"list", `{"x":1}`, "expected a list of strings, got a container"},
		{"list", `null`, "expected a list of strings, got null"},
		{"list", `["a",1]`, "expected a list of strings, got 1 as its element 2"},
		{"list", `["a",["b"]]`, "expected a list of strings, got a list as its element 2"},
		{"list", "[\"\xe9\"]", "expected a list of strings, got bytes that are not UTF-8"},

		{"bool", `"true"`, "true"}, {"bool", `"yes"`, "true"}, {"bool", `"on"`, "true"}, {"bool", `true`, "true"},
		{"bool", `"false"`, "false"}, {"bool", `"no"`, "false"}, {"bool", `"off"`, "false"}, {"bool", `false`, "false"},
		{"bool", `"maybe"`, "expected true or false, got 'maybe'"},
		{"bool", `""`, "expected true or false, got ''"},
		{"bool", `1`, "expected true or false, got 1"},
		{"bool", `["true"]`, "expected true or false, got a list"},

		{"int", `"42"`, "42"}, {"int", `42`, "42"}, {"int", `-2147483648`, "-2147483648"}, {"int", `"9223372036854775807"`, "9223372036854775807"},
		{"int", `"9223372036854775808"`, "expected a whole number, got '9223372036854775808'"},
		{"int", `"3.250000"`, "expected a whole number, got '3.250000'"},
		{"int", `1.5000`, "expected a whole number, got 1.5000"},
		{"int", `"five"`, "expected a whole number, got 'five'"},
		{"int", `"` + strings.Repeat("é", 50) + `"`, "expected a whole number, got '" + strings.Repeat("é", 20) + "... (60 bytes more)'"},
		{"int", `{}`, "expected a whole number, got a container"},
	} {
		t.Run(test.as+" "+test.raw, func(t *testing.T) {
			got, err := read(with(test.raw), test.as)
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "attribute 'a': ")
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAbsentAttributes(t *testing.T) {
	for as, want := range map[string]string{"text": "none", "list": "[none]", "bool": "true", "int": "7"} {
		if got, err := read(Promise{}, as); got != want || err != nil {
			t.Errorf("%s: got %q, %v", as, got, err)
		}
	}
}

func read(p Promise, as string) (string, error) {
	switch as {
	case "text":
		return p.Text("a", "none")
	case "list":
		list, err := p.List("a", []string{"none"})
		return fmt.Sprint(list), err
	case "bool":
		truth, err := p.Bool("a", true)
		return fmt.Sprint(truth), err
	}
	number, err := p.Int("a", 7)
	return fmt.Sprint(number), err
}

func TestRequire(t *testing.T) {
	if err := with(`""`).Require("a"); err != nil {
		t.Error(err)
	}
	if err := with(`""`).Require("b", "a", "c"); fmt.Sprint(err) != "attribute 'b' is missing\nattribute 'c' is missing" {
		t.Error(err)
	}
}

func TestUnknownAttributes(t *testing.T) {
	p := Promise{Attributes: map[string]json.RawMessage{}}
	for _, name := range AgentAttributes() {
		p.Attributes[name] = json.RawMessage(`"x"`)
	}
	p.Attributes["to"] = json.RawMessage(`"x"`)
	if err := UnknownAttributes(p, "content", "to"); err != nil {
		t.Error(err)
	}
	p.Attributes["tof"], p.Attributes["conten"] = p.Attributes["to"], p.Attributes["to"]
	want := "unknown attribute 'conten', known are: content, to\nunknown attribute 'tof', known are: content, to"
	if err := UnknownAttributes(p, "content", "to"); fmt.Sprint(err) != want {
		t.Error(err)
	}
	if err := UnknownAttributes(with("1")); fmt.Sprint(err) != "unknown attribute 'a', known are: none" {
		t.Error(err)
	}
}
