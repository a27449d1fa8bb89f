package promise

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalise(t *testing.T) {
	for _, test := range []struct{ name, wire, text string }{
		{"raw, as agents up to 3.24.3 send", "é 漢 \x1b[31m", "é 漢 \x1b[31m"},
		{"byte by byte, as newer agents send", `\u00c3\u00a9 \u00e6\u00bc\u00a2 \u001b[31m`, "é 漢 \x1b[31m"},
		{"escaped backslashes stay text", `\\u00e9 \\\\u00e9 \\\u00c3\u00a9 \n\t\"\u007f`, `\u00e9 \\u00e9 \é ` + "\n\t\"\x7f"},
		{"capital hex digits", `\u00C3\u00A9`, "é"},
		{"another code point stays", `\u4e2d \u2028`, "中 \u2028"},
		{"every raw control character", "\x01\x08\x0b\x0c\x0e\x1f\x7f", "\x01\x08\x0b\x0c\x0e\x1f\x7f"},
		{"a raw line separator", "\u2028", "\u2028"},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var text string
			line := normalise([]byte(`"` + test.wire + `"`))
			if err := json.Unmarshal(line, &text); err != nil || text != test.text {
				t.Errorf("got %q (%v), want %q", text, err, test.text)
			}
		})
	}
}

func TestNormaliseLeavesTheUnreadable(t *testing.T) {
	for _, line := range []string{`\`, `"\`, `\u`, `\u00`, `"\u00g1"`, `\u00c3`[:5], `\\`, `"é\`} {
		if got := string(normalise([]byte(line))); got != line {
			t.Errorf("normalise(%q) = %q", line, got)
		}
	}
}

// oldWire and newWire write a JSON string as libntech's JsonEncodeStringWriter does,
// before and after CFE-4616.
func oldWire(text string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
}

func newWire(text string) string {
	var b strings.Builder
	for _, c := range []byte(oldWire(text)) {
		if c < ' ' || c > '~' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Whatever a policy's text is, both forms come out as that text, and what is not
// UTF-8 is still to be seen as such.
func FuzzNormalise(f *testing.F) {
	for _, text := range []string{"", "é 漢 \x1b[31m", `\u00e9`, `\\u00e9 \`, "\xe9 Latin-1", "\xc3", "a\tb\n\"", "\u2028\x7f", `\u00c3` + "\xa9"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normalise([]byte(text)) // anything at all
		for _, wire := range []string{oldWire(text), newWire(text)} {
			got, ok := asText(normalise([]byte(wire)))
			if ok != utf8.ValidString(text) || ok && got != text {
				t.Errorf("%q came as %q: %q, %v", text, wire, got, ok)
			}
		}
	})
}
