package message

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// wantCode fails unless err is a refusal of that code whose text holds part.
func wantCode(t *testing.T, err error, code Code, part string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal with %s", err, code)
	}
	if r.Code != code || !strings.Contains(r.Error(), part) {
		t.Fatalf("got %q, want %s with %q", r, code, part)
	}
}

func encoded(tb testing.TB, c Container) []byte {
	tb.Helper()
	b, err := c.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

const hostContent = `{"uqhost":"x2gvdt0001","domain":"webhuis.nl","role":"x2gvdt","os":"linux","flavor":"debian_12","cpus":4,"arch":"x86_64","ram_mb":7962.5,"virtual":true,"uptime":123456,"kernel":"6.1.0-18-amd64","site":"ams1","contact":"ops@webhuis.nl","load":0.25}`

func TestContainerBytes(t *testing.T) {
	// The example of DESIGN.md section 3, byte for byte, both ways.
	const text = `{"host":{"message_id":"0198c5f2-7c1e-7b52-9f0a-3f8f6f0f6a11","content":{"uqhost":"x2gvdt0001","domain":"webhuis.nl","role":"x2gvdt"},"version":"1.0"}}`
	want := Container{
		Schema: "host", MessageID: "0198c5f2-7c1e-7b52-9f0a-3f8f6f0f6a11", Version: "1.0",
		Content: []byte(`{"uqhost":"x2gvdt0001","domain":"webhuis.nl","role":"x2gvdt"}`),
	}
	if got := encoded(t, want); string(got) != text {
		t.Errorf("encoded\n%s, want\n%s", got, text)
	}
	got, err := Decode([]byte(text), DefaultLimits)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %v, %v; want %v", got, err, want)
	}
}

func TestDecodeTakes(t *testing.T) {
	longest := strings.Repeat("a", 64)
	tests := []struct{ name, text, content string }{
		{"any order of members", `{"a":{"version":"1.0","content":1,"message_id":"m"}}`, `1`},
		{"white space around", " \n{ \"a\" :\t{\"message_id\":\"m\",\"content\" : [ 1 , 2 ] ,\r\n\"version\":\"1.0\"} }\n ", `[ 1 , 2 ]`},
		{"content null", `{"a":{"message_id":"m","content":null,"version":"0.0"}}`, `null`},
		{"content a string", `{"a":{"message_id":"A.b_c:-9","content":"é\n\"","version":"12.34567"}}`, `"é\n\""`},
		{"escapes in a value", `{"a":{"message_id":"\u006d","content":"\\u0000","version":"1\u002e0"}}`, `"\\u0000"`},
		{"the longest names", `{"` + longest + `":{"message_id":"` + longest + longest + `","content":{},"version":"1.0"}}`, `{}`},
		{"names that differ by case", `{"a":{"message_id":"m","content":{"x":1,"X":2},"version":"1.0"}}`, `{"x":1,"X":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Decode([]byte(tt.text), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if string(c.Content) != tt.content {
				t.Errorf("content is %s, want %s", c.Content, tt.content)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	with := func(members string) string { return `{"a":{` + members + `}}` }
	full := `"message_id":"m","content":1,"version":"1.0"`
	tests := []struct{ name, text, part string }{
		{"nothing", ``, "empty"},
		{"white space", ` `, "empty"},
		{"no object", `[1]`, "an object"},
		{"no schema id", `{}`, "schema id"},
		{"two schema ids", `{"a":{` + full + `},"b":{` + full + `}}`, "a second schema id"},
		{"a schema id twice", `{"a":{` + full + `},"a":{` + full + `}}`, "occurs twice"},
		{"schema id with a capital", `{"Host":{` + full + `}}`, "[a-z]"},
		{"schema id with a dot", `{"a.b":{` + full + `}}`, "[a-z]"},
		{"schema id that is a path", `{"../a":{` + full + `}}`, "[a-z]"},
		{"schema id with a digit first", `{"1a":{` + full + `}}`, "[a-z]"},
		{"schema id empty", `{"":{` + full + `}}`, "[a-z]"},
		{"schema id of 65", `{"` + strings.Repeat("a", 65) + `":{` + full + `}}`, "[a-z]"},
		{"schema id in escapes", `{"\u0061":{` + full + `}}`, "[a-z]"},
		{"no members", `{"a":1}`, `at "/a"`},
		{"no message_id", with(`"content":1,"version":"1.0"`), "/a/message_id"},
		{"no content", with(`"message_id":"m","version":"1.0"`), "/a/content is missing"},
		{"no version", with(`"message_id":"m","content":1`), "/a/version"},
		{"a fourth member", with(full + `,"extra":1`), `"/a/extra"`},
		{"a member by another case", with(full + `,"Content":1`), `"/a/Content"`},
		{"a member twice", with(full + `,"content":1`), `"/a/content"`},
		{"a member twice, once in escapes", with(full + `,"conten\u0074":1`), `"/a/content"`},
		{"message_id a number", with(`"message_id":1,"content":1,"version":"1.0"`), `"/a/message_id"`},
		{"message_id null", with(`"message_id":null,"content":1,"version":"1.0"`), `"/a/message_id"`},
		{"message_id empty", with(`"message_id":"","content":1,"version":"1.0"`), "/a/message_id"},
		{"message_id with a slash", with(`"message_id":"a/b","content":1,"version":"1.0"`), "/a/message_id"},
		{"message_id with a line end", with(`"message_id":"a\n","content":1,"version":"1.0"`), "/a/message_id"},
		{"message_id of 129", with(`"message_id":"` + strings.Repeat("m", 129) + `","content":1,"version":"1.0"`), "/a/message_id"},
		{"version a number", with(`"message_id":"m","content":1,"version":1.0`), `"/a/version"`},
		{"bytes after", with(full) + `x`, "byte"},
		{"a second value", with(full) + `{}`, "after the JSON value"},
		{"cut short", `{"a":{` + full, "byte"},
		{"a byte order mark", "\xef\xbb\xbf" + with(full), "byte"},
		{"a key twice, deep in the content", with(`"message_id":"m","content":[{"b":[{"x":1,"y":2,"x":3}]}],"version":"1.0"`), `"/a/content/0/b/0/x"`},
	}
	for _, version := range []string{"", "1", "1.", ".1", "1.0.0", "01.0", "1.00", "v1.0", "1.-1", "1.0 ", "100000.0"} {
		tests = append(tests, struct{ name, text, part string }{
			"version " + version, with(`"message_id":"m","content":1,"version":"` + version + `"`), "/a/version"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(tt.text), DefaultLimits)
			wantCode(t, err, Malformed, tt.part)
		})
	}
}

func TestDecodeLimits(t *testing.T) {
	// A limit means the same for the content on the node and for the container
	// at the listener; one more of anything is refused.
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	around := func(content string) []byte {
		return fmt.Appendf(nil, `{"a":{"message_id":"m","content":%s,"version":"1.0"}}`, content)
	}
	if _, err := Decode(around(nested(32)), DefaultLimits); err != nil {
		t.Error(err)
	}
	_, err := Decode(around(nested(33)), DefaultLimits)
	wantCode(t, err, Malformed, "nested deeper")

	b := around("1")
	if _, err := Decode(b, Limits{Size: len(b)}); err != nil {
		t.Error(err)
	}
	_, err = Decode(b, Limits{Size: len(b) - 1})
	wantCode(t, err, TooLarge, "52 bytes; the limit is 51")
}

func TestEncodeRefuses(t *testing.T) {
	good := Container{Schema: "a", MessageID: "m", Version: "1.0", Content: []byte(`{}`)}
	tests := []struct {
		name   string
		change func(*Container)
		part   string
	}{
		{"schema", func(c *Container) { c.Schema = "A" }, "schema id"},
		{"message id", func(c *Container) { c.MessageID = `"` }, "message_id"},
		{"version", func(c *Container) { c.Version = "1" }, "version"},
		{"no content", func(c *Container) { c.Content = nil }, "content"},
		{"content that is no JSON", func(c *Container) { c.Content = []byte(`{`) }, "content"},
		{"content that would add a member", func(c *Container) { c.Content = []byte(`1,"x":2`) }, "content"},
		{"content with a key twice", func(c *Container) { c.Content = []byte(`{"a":1,"a":2}`) }, "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			if b, err := c.Encode(); err == nil || !strings.Contains(err.Error(), tt.part) {
				t.Errorf("got %s, %v; want an error with %q", b, err, tt.part)
			}
		})
	}
}

func TestNewID(t *testing.T) {
	last := ""
	for range 1000 {
		id := NewID()
		if !validID(id) || len(id) != 36 || id[14] != '7' || id <= last {
			t.Fatalf("%s after %s is no rising UUIDv7", id, last)
		}
		last = id
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"host":{"message_id":"m","content":` + hostContent + `,"version":"1.0"}}`))
	f.Add([]byte(`{"a":{"message_id":"\u006d","content":[1e308,-0.5,"\ud83d\ude00",null],"version":"1.0"}} `))
	f.Add([]byte(`{"a":{"message_id":"m","content":{"x":1,"\u0078":2},"version":"1.0"}}`))
	f.Add([]byte(`{"a":{"message_id":"m","content":"\\\u0000","version":"1.0"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(b, DefaultLimits)
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) || r.Code != Malformed && r.Code != TooLarge {
				t.Fatalf("not a refusal of its kind: %v", err)
			}
			checkPlainText(t, r.Reason)
			return
		}
		checkReadsAlike(t, b, c)
	})
}

// What Encode wrote is cut out as Decode reads it; anything else is not taken for it.
func TestFramed(t *testing.T) {
	for _, c := range []struct{ container, want string }{
		{`{"host":{"message_id":"m1","content":{"a":1},"version":"1.0"}}`, `{"a":1}`},
		{`{"host":{"message_id":"m1","content":"x","version":"1.0"}}`, `"x"`},
		{`{"host":{"message_id":"m1","content":{"version":"1.0"},"version":"1.0"}}`, `{"version":"1.0"}`},
		{`{"host":{"message_id":"m1","content":{"a":1} ,"version":"1.0"}}`, ""},
		{`{"host":{"message_id":"m1","content": {"a":1},"version":"1.0"}}`, ""},
		{`{"host":{"message_id":"m1","content":,"version":"1.0"}}`, ""},
		{`{"host":{"message_id":"m2","content":{"a":1},"version":"1.0"}}`, ""},
		{`{"host":{"message_id":"m1","content":{"a":1},"version":"1.1"}}`, ""},
		{`{"role":{"message_id":"m1","content":{"a":1},"version":"1.0"}}`, ""},
		{`{"host":{"content":{"a":1},"message_id":"m1","version":"1.0"}}`, ""},
		{`{"host":{"message_id":"m1","content":{"a":1},"version":"1.0"}} `, ""},
		{`{"host":{"message_id":"m1","content":`, ""},
		{``, ""},
	} {
		got, ok := Framed([]byte(c.container), "host", "m1", "1.0")
		if string(got) != c.want && ok || ok != (c.want != "") {
			t.Errorf("%s: %q, %t", c.container, got, ok)
		}
		if decoded, err := Decode([]byte(c.container), Limits{}); ok && (err != nil || string(decoded.Content) != string(got)) {
			t.Errorf("%s: decoded %q, %v", c.container, decoded.Content, err)
		}
	}
}
