package scan

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is a string, and what is a number, encoding/json says too.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		`""`, `"a"`, `"abcdefgh"`, `"abcdefg\"h"`, `"\\"`, `"\"`, `"\u00e9\uD83D"`, `"\u00g0"`, `"\x"`, `"é"`, `"seven77é"`, "\"\x1f\"", "\"1234567\x00\"", "\"\x7f\"", `"abc`, `"\`, `"\u12`,
		"\"\xff\xfe\"", `"` + strings.Repeat("a", 40) + `\n"`,
		"0", "-0", "01", "-", "1.", "1.5", ".5", "1e5", "1E+05", "1e", "1e-", "1e100", "12345678901234567890", "+1", "1x",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) == 0 || Space(src, 0) != 0 {
			return
		}
		end, form := Nowhere, Form(0)
		switch c := src[0]; {
		case c == '"':
			end, form = Text(src, 0)
			checkForm(t, src, end, form)
		case c == '-' || '0' <= c && c <= '9':
			end, _ = Number(src, 0)
		default:
			return
		}
		valid := json.Valid(src) && Space(src[len(src)-1:], 0) == 0
		if end == len(src) && !valid {
			t.Errorf("%q is none", src)
		}
		if end != len(src) && valid && !longExponent(src) {
			t.Errorf("%q ends at %d", src, end)
		}
	})
}

func checkForm(t *testing.T, src []byte, end int, form Form) {
	if end == Nowhere {
		return
	}
	text := string(src[:end])
	foreign := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) >= 0
	if form&Escaped != 0 != strings.Contains(text, `\`) || form&Foreign != 0 != foreign {
		t.Errorf("%q has the form %d", text, form)
	}
}

// longExponent: such numbers are left to others.
func longExponent(src []byte) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(string(src)), "e")
	return len(strings.TrimLeft(exponent, "+-")) > 2
}
