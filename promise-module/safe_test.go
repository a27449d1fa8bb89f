package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestViewsAreSafeForPolicy(t *testing.T) {
	for _, c := range []struct{ what, in, out string }{
		{"nothing to do", `{"a":"b"}`, `{"a":"b"}`},
		{"sorted, without spaces", "{ \"b\" : 1,\n \"a\":[ true , false ] }", `{"a":[true,false],"b":1}`},
		{"32 bits", `[2147483647,-2147483648,0,-0]`, `[2147483647,-2147483648,0,-0]`},
		{"beyond 32 bits", `[2147483648,-2147483649,1700000000000]`, `["2147483648","-2147483649","1700000000000"]`},
		{"beyond 64 bits", `[9223372036854775808]`, `["9223372036854775808"]`},
		{"exponents", `[1e10,1E5,1.5e10,1.5e-7,-1e-2,0e0]`, `["1e10","1E5","1.5e10","1.5e-7","-1e-2","0e0"]`},
		{"decimals", `[0.5,-1.25,3.1416,0.0]`, `[0.5,-1.25,3.1416,0.0]`},
		{"decimals that CFEngine would round", `[0.123456789,1.00001]`, `["0.123456789","1.00001"]`},
		{"large decimals", `[2147483647.5,2147483648.5]`, `[2147483647.5,"2147483648.5"]`},
		{"null at the top", `{"none":null,"a":1}`, `{"a":1}`},
		{"null as a variable of host_specific.json", `{"variables":{"x":null,"y":{"value":null,"tags":[]}}}`, `{"variables":{"y":{"tags":[]}}}`},
		{"null in an array", `[null,[null]]`, `[null,[null]]`},
		{"only null", `{"a":null}`, `{}`},
		{"variables", `["$(sys.workdir)","${x}","@(x)","@{x}","$$(x)","a@b.c $5 $HOME $"]`,
			`["$ (sys.workdir)","$ {x}","@ (x)","@ {x}","$$ (x)","a@b.c $5 $HOME $"]`},
		{"variables in keys", `{"$(x)":{"@{y}":1}}`, `{"$ (x)":{"@ {y}":1}}`},
		{"escaped variables", `["\u0024(x)","$\u0028x)","\u0040{x}"]`, `["$ (x)","$ (x)","@ {x}"]`},
		{"a variable behind a control byte", `["$\u0001(x)"]`, `["$ (x)"]`},
		{"short escapes", `["a\n\r\t\"\\b\/"]`, `["a\n\r\t\"\\b/"]`},
		{"control bytes", `["\u001b[31m\b\f\u0000\u007f"]`, `[" [31m    "]`},
		{"Unicode", `["\u00e9 \u6f22 \ud83d\ude00 é 漢 \u2028"]`, `["é 漢 😀 é 漢 ` + "\u2028" + `"]`},
		{"lone surrogate", `["\ud800"]`, `["` + "\ufffd" + `"]`},
		{"backslash and u", `["\\u00e9"]`, `["\\u00e9"]`},
		{"empty", `{}`, `{}`},
	} {
		got, err := safeForPolicy(json.RawMessage(c.in))
		if err != nil || string(got) != c.out+"\n" {
			t.Errorf("%s: %s\n became %s\n not    %s, %v", c.what, c.in, got, c.out, err)
		}
	}
}

// unsafeIn tells what in a text some version of CFEngine could not bear.
func unsafeIn(text []byte) error {
	if !json.Valid(text) {
		return fmt.Errorf("it is no JSON")
	}
	for _, opening := range []string{"$(", "${", "@(", "@{"} {
		if bytes.Contains(text, []byte(opening)) {
			return fmt.Errorf("it contains %s", opening)
		}
	}
	if i := bytes.IndexFunc(text, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("a control byte at %d", i)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end: it was valid
		}
		if n, ok := token.(json.Number); ok {
			if err := unsafeNumber(n.String()); err != nil {
				return err
			}
		}
	}
}

func unsafeNumber(n string) error {
	f, err := strconv.ParseFloat(n, 64)
	if err != nil || strings.ContainsAny(n, "eE") || f >= 1<<31 || f <= -(1<<31)-1 {
		return fmt.Errorf("the number %s", n)
	}
	if !strings.Contains(n, ".") {
		_, err = strconv.ParseInt(n, 10, 32)
	}
	return err
}

// unescaped finds a \u escape, and not the text \\u.
func unescaped(text []byte) bool {
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '\\' {
			if text[i+1] == 'u' {
				return true
			}
			i++
		}
	}
	return false
}

func FuzzViewsAreSafeForPolicy(f *testing.F) {
	for _, seed := range []string{`{"a":[1e400,{"b":"$(x)"}]}`, `[null]`, `null`, `{"a":null}`, `"x"`, `["\ud83d\ude00\u0000"]`, "[\"\xff\"]",
		`{"$":"(x)"}`, `[-0.0,-0,1E+2,123456789012345678901234567890]`, `[[[[]]]]`, `[] x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		safe, err := safeForPolicy(data)
		if err != nil {
			return
		}
		if err := unsafeIn(safe); err != nil {
			t.Errorf("%q became %q: %v", data, safe, err)
		}
		if unescaped(safe) {
			t.Errorf("%q became %q, with a \\u escape", data, safe)
		}
		if safe[0] != '{' && safe[0] != '[' {
			t.Errorf("%q became %q", data, safe)
		}
		var top map[string]any
		if json.Unmarshal(safe, &top) == nil {
			for key, value := range top {
				if value == nil {
					t.Errorf("%q has null at %q", safe, key)
				}
			}
		}
		again, err := safeForPolicy(safe)
		if err != nil || !bytes.Equal(again, safe) {
			t.Errorf("%q became %q, and that %q, %v", data, safe, again, err)
		}
	})
}

// The real agent reads what is made of views that would end it, bend their
// numbers or give its variables away.
func TestTheAgentReadsViewsUnharmed(t *testing.T) {
	if _, err := exec.LookPath("cf-agent"); err != nil {
		t.Skip("no cf-agent here: ./test/run installs it")
	}
	work := t.TempDir()
	for _, folder := range []string{"inputs", "state", "ppkeys"} {
		if err := os.MkdirAll(filepath.Join(work, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/usr/bin", filepath.Join(work, "bin")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(work, "ppkeys", "localhost.priv"), nodeKey().private)
	mustWrite(t, filepath.Join(work, "ppkeys", "localhost.pub"), nodeKey().public)
	view := filepath.Join(work, "view.json")
	if _, err := writeView(view, json.RawMessage(`{"big":1700000000000,"huge":9223372036854775808,"exp":1e5,"small":42,
		"decimal":1.25,"long":0.123456789,"text":"wd $(sys.workdir) @(x) $5","quote":"a\"b\\c","umlaut":"\u00e9\u6f22","none":null,
		"deep":{"null":null,"list":["x",null]},"esc":"\u001b[31m"}`)); err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(work, "inputs", "view.cf")
	mustWrite(t, policy, []byte(`
bundle agent __main__
{
  vars:
    "v" data => readjson("`+view+`", "1M");
    "copied" string => "$(v[text])";

  reports:
    "big=$(v[big]) huge=$(v[huge]) exp=$(v[exp]) small=$(v[small]) decimal=$(v[decimal]) long=$(v[long])";
    "text=$(copied) quote=$(v[quote]) umlaut=$(v[umlaut]) list=$(v[deep][list]) esc=$(v[esc])";
}
`))
	for _, program := range []string{"cf-promises", "cf-agent"} { // in this order: a policy that does not hold starts daemons
		out := runCFEngine(t, work, program, "-K", "-f", policy)
		if program == "cf-agent" {
			for _, want := range []string{
				"big=1700000000000 huge=9223372036854775808 exp=1e5 small=42 decimal=1.25 long=0.123456789",
				`text=wd $ (sys.workdir) @ (x) $5 quote=a"b\c umlaut=é漢 list=x esc= [31m`,
			} {
				if !strings.Contains(out, want) {
					t.Errorf("the agent does not report %s:\n%s", want, out)
				}
			}
		}
	}
}

func runCFEngine(t *testing.T, work, program string, args ...string) string {
	t.Helper()
	if program == "cf-promises" {
		args = args[1:] // it takes no -K
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*aMinute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), overrideWorkDir+"="+work)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}
