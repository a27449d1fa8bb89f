package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

type attack struct {
	name  string
	frame string
	code  message.Code
}

// strangers are the attacks of whoever reaches the socket: he has the public
// keys and what he saw on the way, and no key that is trusted.
func strangers(f forger, public []byte) []attack {
	good := f.signed(f.header(map[string]any{"seq": 1}), about("seen", `{"uqhost":"www1"}`))
	own := f
	own.by = attackerKey()
	key, err := hostkey.NewPublicKey(&own.by.PublicKey)
	must(f.t, err)
	own.kid = key.Digest()
	right := about("forged", `{"uqhost":"evil"}`)
	header := func(name string, value any) string {
		return own.signed(f.header(map[string]any{name: value}), right)
	}
	raw := func(header string) string { return own.signed(header, right) }
	jwk := map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(own.by.N.Bytes())}
	return []attack{
		{"signed by another", own.signed(f.header(nil), right), message.BadSignature},
		{"another payload", part(good, 1, func(string) string { return base64.RawURLEncoding.EncodeToString([]byte(right)) }), message.BadSignature},
		{"another header", part(good, 0, func(string) string { return base64.RawURLEncoding.EncodeToString([]byte(f.header(nil))) }), message.BadSignature},
		{"a signature cut short", good[:len(good)-2], message.BadSignature},
		{"no signature", part(good, 2, func(string) string { return "" }), message.BadSignature},
		{"cut in the payload", good[:strings.Index(good, ".")+10], message.Malformed},
		{"cut in the header", good[:40], message.Malformed},
		{"alg none", envelopeOf(f.header(map[string]any{"alg": "none"}), right, unsigned), message.BadSignature},
		{"alg None", envelopeOf(f.header(map[string]any{"alg": "nOnE"}), right, unsigned), message.BadSignature},
		{"alg HS256 by the public key's file", envelopeOf(f.header(map[string]any{"alg": "HS256"}), right, hs256(public)), message.BadSignature},
		{"alg RS256", envelopeOf(f.header(map[string]any{"alg": "RS256"}), right, own.rs256), message.BadSignature},
		{"alg EdDSA without a cert", header("alg", "EdDSA"), message.BadSignature},
		{"an embedded jwk", header("jwk", jwk), message.Malformed},
		{"an embedded jwk, and its own kid", own.signed(own.header(map[string]any{"jwk": jwk}), right), message.Malformed},
		{"a jku", header("jku", "http://127.0.0.1:1/keys"), message.Malformed},
		{"an x5c", header("x5c", []string{"MIIB"}), message.Malformed},
		{"a key that nobody trusts", own.says(right), message.UnknownSender},
		{"a kid that is a path", header("kid", "../../../../etc/passwd"), message.Malformed},
		{"a kid that is a file", header("kid", "/var/cfengine/ppkeys/localhost.pub"), message.Malformed},
		{"a kid that is SQL", header("kid", "SHA=' OR '1'='1"), message.Malformed},
		{"a kid that is a command", header("kid", "SHA=$(id)"), message.Malformed},
		{"a kid in capitals", header("kid", "SHA="+strings.ToUpper(string(f.kid[4:]))), message.Malformed},
		{"a kid with NUL", raw(strings.Replace(f.header(nil), string(f.kid), string(f.kid)+`\u0000`, 1)), message.Malformed},
		{"no kid", header("kid", nil), message.Malformed},
		{"two kids", raw(`{"kid":"` + string(own.kid) + `",` + f.header(nil)[1:]), message.Malformed},
		{"two algs", raw(`{"alg":"none",` + f.header(nil)[1:]), message.Malformed},
		{"invalid UTF-8 in a header", raw(strings.Replace(f.header(nil), "cf-message", "cf-message\xff", 1)), message.Malformed},
		{"a raw NUL in a header", raw(strings.Replace(f.header(nil), "cf-message", "cf-message\x00", 1)), message.Malformed},
		{"a deep header", raw(strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)), message.Malformed},
		{"a header of 8 KiB", header("kid", strings.Repeat("k", 8<<10)), message.Malformed},
		{"a header of 1 MiB", header("kid", strings.Repeat("k", 1<<20)), message.Malformed},
		{"a header of 1.4 MiB", header("kid", strings.Repeat("k", 14<<20/10)), message.TooLarge},
		{"a lifetime of 32 days", header("exp", f.when.Unix()+32*86400), message.Malformed},
		{"dots", strings.Repeat(".", 100_000), message.Malformed},
		{"nothing", "", message.Malformed},
		{"rubbish", "\x00\xff\xfe rubbish", message.Malformed},
		{"bare", about("bare", `{"uqhost":"evil"}`), message.Unsigned},
		{"a JWS in JSON", `{"payload":"","protected":"","signature":""}`, message.Unsigned},
	}
}

// traitors are the attacks of a host whose key is trusted.
func traitors(f forger, elsewhere string) []attack {
	at := func(iat, exp time.Duration) map[string]any {
		return map[string]any{"iat": f.when.Add(iat).Unix(), "exp": f.when.Add(exp).Unix()}
	}
	right := about("late", `{"uqhost":"www1"}`)
	named := func(id string) string { return f.says(about(id, `{"uqhost":"www1"}`)) }
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	return []attack{
		{"for another host", f.signed(f.header(map[string]any{"aud": elsewhere}), right), message.NotForMe},
		{"expired", f.signed(f.header(at(-time.Hour, -time.Minute)), right), message.Expired},
		{"expired long ago", f.signed(f.header(map[string]any{"iat": 1, "exp": 2}), right), message.Expired},
		{"not yet valid", f.signed(f.header(at(10*time.Minute, time.Hour)), right), message.Expired},
		{"an id that is a path", named("../../queue.db"), message.Malformed},
		{"an id that is SQL", named("'; DROP TABLE messages; --"), message.Malformed},
		{"an id that is a command", named("$(touch /tmp/x)`id`"), message.Malformed},
		{"an id with NUL", f.says(strings.Replace(right, "late", `a\u0000b`, 1)), message.Malformed},
		{"an id of 10 KB", named(strings.Repeat("a", 10_000)), message.Malformed},
		{"a schema that is a path", f.says(strings.Replace(right, "host", "../host", 1)), message.Malformed},
		{"a schema that is SQL", f.says(strings.Replace(right, "host", "host; --", 1)), message.Malformed},
		{"a schema that there is not", f.says(strings.Replace(right, "host", "sqlite_master", 1)), message.UnknownSchema},
		{"a version that is a path", f.says(strings.Replace(right, "1.0", "../1.0", 1)), message.Malformed},
		{"another's schema", f.says(strings.Replace(right, "host", "domain", 1)), message.Denied},
		{"two ids", f.says(strings.Replace(right, `"content"`, `"message_id":"other","content"`, 1)), message.Malformed},
		{"two contents", f.says(strings.Replace(right, `"version"`, `"content":{},"version"`, 1)), message.Malformed},
		{"a key twice, once in escapes", f.says(about("late", `{"uqhost":"a","\u0075qhost":"b"}`)), message.Malformed},
		{"invalid UTF-8", f.says(strings.Replace(right, "www1", "\xff\xfe", 1)), message.Malformed},
		{"a lone surrogate", f.says(about("late", `{"uqhost":"\ud800"}`)), message.Malformed},
		{"NUL in a value", f.says(about("late", `{"uqhost":"\u0000"}`)), message.Malformed},
		{"a number that crashes validators", f.says(about("late", `{"uqhost":1e10000000}`)), message.Malformed},
		{"deep JSON", f.says(about("late", `{"site":{"x":`+deep+`}}`)), message.Malformed},
		{"wide JSON", f.says(about("late", `{"uqhost":"a"`+wide(20_000)+`}`)), message.InvalidContent},
		{"an envelope in an envelope", f.says(f.says(right)), message.Malformed},
		{"a container over the limit", f.says(about("late", `{"uqhost":"`+strings.Repeat("x", 1<<20)+`"}`)), message.TooLarge},
	}
}

// squatters are what a trusted host says when it takes another's name: www2.example.com
// and db1 are bound to another key.
func squatters(f forger) []attack {
	named := func(content string) string { return f.says(about("named", content)) }
	return []attack{
		{"another host's uqhost", named(`{"uqhost":"db1"}`), message.Denied},
		{"another host's uqhost, of its fqhost", named(`{"uqhost":"www2"}`), message.Denied},
		{"another host's fqhost", named(`{"uqhost":"www1","fqhost":"www2.example.com"}`), message.Denied},
		{"another host's fqhost as uqhost", named(`{"uqhost":"www2.example.com"}`), message.Denied},
		{"another host's uqhost in capitals", named(`{"uqhost":"DB1"}`), message.Denied},
		{"another host's uqhost in escapes", named(`{"\u0075qhost":"\u0064b1"}`), message.Denied},
		{"another host's uqhost in another domain", named(`{"uqhost":"www2","fqhost":"www2.example.net","domain":"example.net"}`), message.Denied},
		{"another host's fqhost in pieces", named(`{"uqhost":"www2.example","domain":"com"}`), message.Denied},
	}
}

func wide(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return b.String()
}

// Each attack is refused by its code and counted, a stranger learns no more
// than the code, nothing of it is stored, and who is right goes on as before.
func TestAttacks(t *testing.T) {
	s := newSite(t, "listeners:", "  - {pattern: request, bind: [tcp://127.0.0.1:0]}", "feeds:",
		"  host: {from: trusted}", "  domain: {from: [SHA="+strings.Repeat("0", 64)+"]}")
	r := s.listen()
	other := filepath.Join(s.dir, "other.pub")
	must(t, os.WriteFile(other, pairOf(t, squattedKey()).Public().PEM(), 0o600))
	s.mustCLI("keys", "approve", other, "--name", "www2.example.com", "--name", "DB1")
	f := forger{t: t, kid: s.pair.Digest(), by: hostKey(), when: time.Now()}
	want := map[string]int{}
	r.send("good", `{"uqhost":"www1"}`)
	try := func(a attack, proved bool) {
		got := request(t, r.client, r.endpoint, []byte(a.frame))
		if got.Code != a.code || (got.Reason != "") != (proved && a.code != message.TooLarge) {
			t.Errorf("%s: answered %+v, want %s", a.name, got, a.code)
		}
		want[string(a.code)]++
		if got := r.send("good", `{"uqhost":"www1"}`); got.Status != message.Duplicate {
			t.Errorf("after %s: %+v", a.name, got)
		}
	}
	for _, a := range strangers(f, s.pair.Public().PEM()) {
		try(a, false)
	}
	for _, a := range append(traitors(f, "SHA="+strings.Repeat("1", 64)), squatters(f)...) {
		try(a, true)
	}
	if out := s.mustCLI("tail", "--json"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"good"`) {
		t.Errorf("stored:\n%s", out)
	}
	r.stop()
	must(t, r.wait())
	var bye struct{ Refused map[string]int }
	must(t, json.Unmarshal([]byte(r.log.line(`"bye"`)), &bye))
	if got, want := fmt.Sprint(bye.Refused), fmt.Sprint(want); got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
}

// A frame that no envelope can be as large as costs its sender the connection,
// before it is in memory, and others nothing.
func TestHeaderOfTenMegabytes(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	client := zmq.NewClient(zmq.ClientOptions{MaxMessage: 20 << 20})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	f := forger{t: t, kid: s.pair.Digest(), by: attackerKey(), when: time.Now()}
	frame := f.signed(f.header(map[string]any{"kid": strings.Repeat("k", 10<<20)}), about("m-1", `{"uqhost":"www1"}`))
	if answer, err := client.Request(ctx, r.endpoint, []byte(frame)); err == nil {
		t.Errorf("answered %s", answer)
	}
	if got := r.send("m-1", `{"uqhost":"www1"}`); got.Status != message.Stored {
		t.Errorf("%+v", got)
	}
}

// What is refused leaves nothing behind in memory.
func TestAttacksCostNoMemory(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	f := forger{t: t, kid: s.pair.Digest(), by: hostKey(), when: time.Now()}
	attacks := append(strangers(f, s.pair.Public().PEM()), traitors(f, "SHA="+strings.Repeat("1", 64))...)
	round := func() (heap uint64) {
		for _, a := range attacks {
			if len(a.frame) < 100_000 {
				request(t, r.client, r.endpoint, []byte(a.frame))
			}
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round()
	first, last := round(), uint64(0)
	for range 10 {
		last = round()
	}
	if last > first+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes over %d attacks", first, last, 10*len(attacks))
	}
}
