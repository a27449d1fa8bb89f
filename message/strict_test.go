package message

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckJSONTakes(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, ` 0 `, `-0`, `1e308`, `-1.5E-308`, `"𝄞"`, `"\ud834\udd1e"`, `""`, `[]`, `{"":{}}`,
		`"\\u0000"`, `"\\\\u0000"`, `{"a":1,"A":2}`, `[{"a":1},{"a":1}]`,
		strings.Repeat("9", 40), `12345678901234567890`,
	} {
		if err := CheckJSON([]byte(text), DefaultLimits); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCheckJSONRefuses(t *testing.T) {
	tests := []struct{ name, text, part string }{
		{"nothing", ``, "empty"},
		{"two values", `1 2`, "after the JSON value"},
		{"a NUL byte after", "1\x00", "after the JSON value"},
		{"a trailing form feed", "1\f", "after the JSON value"},
		{"a key twice", `{"a":{"b":1,"b":2}}`, `at "/a/b"`},
		{"a key twice, once in escapes", `{"a":1,"\u0061":2}`, "twice"},
		{"invalid UTF-8", "\"\xff\"", "UTF-8"},
		{"invalid UTF-8 in a key", "{\"\xc0\xaf\":1}", "UTF-8"},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", "UTF-8"},
		{"a lone high surrogate", `"\ud800"`, "surrogate"},
		{"a lone low surrogate", `"\udc00x"`, "surrogate"},
		{"surrogates in the wrong order", `"\udd1e\ud834"`, "surrogate"},
		{"U+0000", `{"a":["x\u0000"]}`, `at "/a/0"`},
		{"U+0000 in a key", `{"\u0000":1}`, "u0000"},
		{"U+0000 after a backslash", `"\\\u0000"`, "u0000"},
		{"a control character", "\"\x01\"", "byte"},
		{"41 digits", `{"n":` + strings.Repeat("9", 41) + `}`, `at "/n"`},
		{"a huge exponent", `{"n":1e10000000}`, "exponent"},
		{"a huge negative exponent", `1e-309`, "exponent"},
		{"an exponent beyond an int", `1e99999999999999999999`, "exponent"},
		{"zero with a huge exponent", `0e309`, "exponent"},
		{"no double holds it", `10e308`, "double"},
		{"a leading zero", `01`, "byte"},
		{"a comma too many", `[1,]`, "byte"},
		{"a comment", `{"a":1/**/}`, "byte"},
		{"NaN", `NaN`, "byte"},
		{"33 levels", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "nested deeper"},
		{"a million levels", strings.Repeat("[", 1<<20), "nested deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckJSON([]byte(tt.text), DefaultLimits)
			wantCode(t, err, Malformed, tt.part)
			checkPlainText(t, err.Error())
		})
	}
}

func TestCheckJSONSize(t *testing.T) {
	// One byte over the limit is refused for its size, whatever it is.
	wantCode(t, CheckJSON([]byte(`nonsense`), Limits{Size: 7}), TooLarge, "8 bytes; the limit is 7")
	// Zero limits are the defaults, not "no limit" and not "nothing".
	if err := CheckJSON([]byte(`[]`), Limits{}); err != nil {
		t.Error(err)
	}
	wantCode(t, CheckJSON(make([]byte, 1<<20+1), Limits{}), TooLarge, "")
}

func TestReasonsAreBounded(t *testing.T) {
	// What others wrote is quoted in reasons, so a reason has a bound of its own.
	key := strings.Repeat("é", 100_000)
	err := CheckJSON([]byte(`{"`+key+`":1,"`+key+`":2}`), DefaultLimits)
	wantCode(t, err, Malformed, "twice")
	checkPlainText(t, err.Error())
	checkPlainText(t, refuse(Malformed, "%s", key).Reason)
}

// checkPlainText fails unless s can travel in a receipt and stand in a log.
func checkPlainText(t *testing.T, s string) {
	t.Helper()
	if len(s) > reasonLimit+20 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n\r\x1b") {
		t.Errorf("not fit to be told (%d bytes): %q", len(s), s)
	}
}

// checkReadsAlike fails unless what Decode took reads the same by encoding/json,
// passes the guard by itself, and survives being encoded.
func checkReadsAlike(t *testing.T, b []byte, c Container) {
	t.Helper()
	var wire map[string]struct {
		MessageID string          `json:"message_id"`
		Content   json.RawMessage `json:"content"`
		Version   string          `json:"version"`
	}
	if err := json.Unmarshal(b, &wire); err != nil || len(wire) != 1 {
		t.Fatalf("encoding/json: %v, %d keys", err, len(wire))
	}
	got := wire[c.Schema]
	if got.MessageID != c.MessageID || got.Version != c.Version || string(got.Content) != string(c.Content) {
		t.Fatalf("encoding/json reads %+v, we %+v", got, c)
	}
	if err := CheckJSON(c.Content, DefaultLimits); err != nil {
		t.Fatalf("the content alone: %v", err)
	}
	var value any
	if err := json.Unmarshal(c.Content, &value); err != nil {
		t.Fatalf("a view could not read it: %v", err)
	}
	again, err := Decode(encoded(t, c), DefaultLimits)
	if err != nil || !reflect.DeepEqual(again, c) {
		t.Fatalf("encoded anew: %+v, %v", again, err)
	}
}
