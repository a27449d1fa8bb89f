package message

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestHeaderBytes(t *testing.T) {
	// Members in the order of DESIGN.md section 4, what is not given left out.
	frame := sealed(t, hostContainer(t), hour(), node())
	head, _, _ := strings.Cut(string(frame), ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	want := fmt.Sprintf(`{"alg":"PS256","typ":"cf-message","kid":"%s","iat":%d,"exp":%d}`,
		node().digest(), noon.Unix(), noon.Unix()+3600)
	if err != nil || string(text) != want {
		t.Errorf("header is %s, %v; want %s", text, err, want)
	}
}

func TestSealRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Header)
		part   string
	}{
		{"no exp", func(h *Header) { h.Exp = 0 }, "required"},
		{"no iat", func(h *Header) { h.Iat = 0 }, "required"},
		{"exp not after iat", func(h *Header) { h.Exp = h.Iat }, "not after"},
		{"31 days and a second", func(h *Header) { h.Exp = h.Iat + 31*86400 + 1 }, "31 days"},
		{"aud no digest", func(h *Header) { h.Aud = `hub"` }, "aud"},
		{"traceparent", func(h *Header) { h.Traceparent = "00-1-2-3" }, "traceparent"},
		{"seq that no reader keeps", func(h *Header) { h.Seq = 1 << 53 }, "seq"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := hour()
			tt.change(&h)
			if _, err := Seal(hostContainer(t), h, node().pair); err == nil || !strings.Contains(err.Error(), tt.part) {
				t.Errorf("got %v, want an error with %q", err, tt.part)
			}
			if _, err := session(t, hub()).Seal(hostContainer(t), h); err == nil || !strings.Contains(err.Error(), tt.part) {
				t.Errorf("session key: got %v, want an error with %q", err, tt.part)
			}
		})
	}
}

// forge signs any header over any payload, as a program of another mind would.
func forge(t *testing.T, header, payload string, by host) []byte {
	t.Helper()
	frame, err := sign([]byte(header), []byte(payload), by.pair.SignPS256)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// members is a header's text: the valid one, with these put in place of, or
// after, its own. A value "" leaves the member out.
func members(by host, changes ...string) string {
	list := [][2]string{
		{"alg", `"PS256"`}, {"typ", `"cf-message"`}, {"kid", `"` + by.digest() + `"`},
		{"iat", fmt.Sprint(noon.Unix())}, {"exp", fmt.Sprint(noon.Unix() + 3600)},
	}
	for i := 0; i < len(changes); i += 2 {
		change := [2]string{changes[i], changes[i+1]}
		at := slices.IndexFunc(list, func(m [2]string) bool { return m[0] == change[0] })
		if at < 0 {
			list = append(list, change)
		} else {
			list[at] = change
		}
	}
	var b strings.Builder
	for _, m := range list {
		if m[1] != "" {
			fmt.Fprintf(&b, `,"%s":%s`, m[0], m[1])
		}
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

func TestOpenRefusesHeaders(t *testing.T) {
	day := int64(86400)
	at := func(seconds int64) string { return fmt.Sprint(noon.Unix() + seconds) }
	h := node()
	tests := []struct {
		name   string
		header string
		code   Code // "" where it opens
	}{
		{"as it should be", members(h), ""},
		{"in another order", fmt.Sprintf(` {"exp":%s,"kid":"%s","typ":"cf-message","iat":%s,"alg":"PS256"} `, at(9), h.digest(), at(0)), ""},
		{"seq 0", members(h, "seq", "0"), ""},
		{"seq at its limit", members(h, "seq", "9007199254740991"), ""},
		{"for us", members(h, "aud", `"`+hub().digest()+`"`), ""},
		{"31 days", members(h, "exp", at(31*day)), ""},
		{"a clock 5 minutes ahead", members(h, "iat", at(300), "exp", at(900)), ""},
		{"the last second", members(h, "iat", at(-10), "exp", at(1)), ""},

		{"no JSON", `PS256`, Malformed},
		{"empty", ``, Malformed},
		{"no object", `[]`, Malformed},
		{"bytes after", members(h) + `{}`, Malformed},
		{"alg twice", `{"alg":"PS256",` + members(h)[1:], Malformed},
		{"alg twice, once in escapes", `{"\u0061lg":"none",` + members(h)[1:], Malformed},
		{"alg in escapes", strings.Replace(members(h), `"alg"`, `"\u0061lg"`, 1), Malformed},
		{"alg by another case", strings.Replace(members(h), `"alg"`, `"Alg"`, 1), Malformed},
		{"crit", members(h, "crit", `["exp"]`), Malformed},
		{"b64", members(h, "b64", `false`), Malformed},
		{"jwk", members(h, "jwk", `{}`), Malformed},
		{"jku", members(h, "jku", `"http://127.0.0.1/"`), Malformed},
		{"x5c", members(h, "x5c", `[]`), Malformed},
		{"zip", members(h, "zip", `"DEF"`), Malformed},
		{"nbf", members(h, "nbf", at(0)), Malformed},
		{"typ missing", members(h, "typ", ""), Malformed},
		{"typ of a token", members(h, "typ", `"JWT"`), Malformed},
		{"typ by another case", members(h, "typ", `"CF-MESSAGE"`), Malformed},
		{"typ of a cert", members(h, "typ", `"cf-listener-key"`), Malformed},
		{"kid missing", members(h, "kid", ""), Malformed},
		{"kid of Community", members(h, "kid", `"MD5=00112233445566778899aabbccddeeff"`), Malformed},
		{"kid with capitals", members(h, "kid", `"SHA=`+strings.ToUpper(h.digest()[4:])+`"`), Malformed},
		{"kid a path", members(h, "kid", `"../../etc/passwd"`), Malformed},
		{"kid a number", members(h, "kid", `1`), Malformed},
		{"iat missing", members(h, "iat", ""), Malformed},
		{"iat zero", members(h, "iat", "0", "exp", "9"), Malformed},
		{"exp missing", members(h, "exp", ""), Malformed},
		{"exp null", members(h, "exp", "null"), Malformed},
		{"exp a string", members(h, "exp", `"`+at(9)+`"`), Malformed},
		{"exp with a fraction", members(h, "exp", at(9)+".5"), Malformed},
		{"exp with an exponent", members(h, "exp", "2e9"), Malformed},
		{"exp negative", members(h, "exp", "-1"), Malformed},
		{"exp beyond 64 bits", members(h, "exp", "18446744073709551617"), Malformed},
		{"exp before iat", members(h, "exp", at(-1)), Malformed},
		{"31 days and a second", members(h, "exp", at(31*day+1)), Malformed},
		{"seq beyond its limit", members(h, "seq", "9007199254740992"), Malformed},
		{"seq negative", members(h, "seq", "-1"), Malformed},
		{"aud empty", members(h, "aud", `""`), Malformed},
		{"aud a list", members(h, "aud", `["`+hub().digest()+`"]`), Malformed},
		{"aud a name", members(h, "aud", `"hub.example.com"`), Malformed},
		{"traceparent of zeros", members(h, "traceparent", `"00-00000000000000000000000000000000-00f067aa0ba902b7-01"`), Malformed},
		{"traceparent with capitals", members(h, "traceparent", `"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"`), Malformed},
		{"a cert beside PS256", members(h, "cert", `"a.b.c"`), Malformed},
		{"over 4096 bytes", members(h, "alg", `"`+strings.Repeat("x", 4096)+`"`), Malformed},

		{"not trusted", members(stranger()), UnknownSender},
		{"not trusted, alg none", members(stranger(), "alg", `"none"`), UnknownSender},

		{"alg none", members(h, "alg", `"none"`), BadSignature},
		{"alg missing", members(h, "alg", ""), BadSignature},
		{"alg RS256", members(h, "alg", `"RS256"`), BadSignature},
		{"alg HS256", members(h, "alg", `"HS256"`), BadSignature},
		{"alg of a listener", members(h, "alg", `"EdDSA"`), BadSignature},
		{"alg by another case", members(h, "alg", `"ps256"`), BadSignature},
		{"another's kid", members(hub()), BadSignature},

		{"for another", members(h, "aud", `"`+stranger().digest()+`"`), NotForMe},
		{"for another, and expired", members(h, "aud", `"`+stranger().digest()+`"`, "iat", "1", "exp", "2"), NotForMe},
		{"expired this second", members(h, "iat", at(-10), "exp", at(0)), Expired},
		{"expired long ago", members(h, "iat", "1", "exp", "2"), Expired},
		{"not yet valid", members(h, "iat", at(301), "exp", at(900)), Expired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hubOpener().Open(forge(t, tt.header, string(hostContainer(t)), h))
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantCode(t, err, tt.code, "")
			checkOpened(t, got, err)
		})
	}
}

// checkOpened fails unless a refusal tells no more than was proved: nothing
// before the signature held, all that the answer needs after it.
func checkOpened(t *testing.T, got Opened, err error) {
	t.Helper()
	r := err.(*Refusal)
	checkPlainText(t, r.Error())
	switch r.Code {
	case NotForMe, Expired:
		if got.Sender == "" || got.Container.MessageID == "" || r.Reason == "" {
			t.Errorf("got %+v (%v), want sender, id and reason", got, r)
		}
	default:
		if got.Sender != "" || got.Bytes != nil || got.Header != (Header{}) {
			t.Errorf("got %+v before anything was proved", got)
		}
	}
	if r.Code == UnknownSender || r.Code == BadSignature {
		if r.Reason != "" || r.Detail == "" {
			t.Errorf("reason %q, detail %q: a stranger learns the code, the operator more", r.Reason, r.Detail)
		}
	}
}
