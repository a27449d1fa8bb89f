package message

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// smallPair is a pair whose private key is quick to use.
func smallPair(tb testing.TB) *hostkey.Pair {
	tb.Helper()
	return readPair(tb, filepath.Join("..", "hostkey", "testdata", "rsa1024.priv"))
}

func readPair(tb testing.TB, file string) *hostkey.Pair {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	pair, err := hostkey.ParsePrivate(text)
	if err != nil {
		tb.Fatal(err)
	}
	return pair
}

func encrypted(tb testing.TB, envelope []byte, to *hostkey.PublicKey) []byte {
	tb.Helper()
	frame, err := Encrypt(envelope, to)
	if err != nil {
		tb.Fatal(err)
	}
	return frame
}

func TestEncryptAndOpen(t *testing.T) {
	container := hostContainer(t)
	envelope := sealed(t, container, hour(), node())
	frame := encrypted(t, envelope, hub().pair.Public())
	if bytes.Contains(frame, envelope[:40]) || !IsEncrypted(frame) || IsEncrypted(envelope) {
		t.Errorf("it travels as %s", frame)
	}
	got, err := hubOpener().Open(frame)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Encrypted || string(got.Envelope) != string(envelope) || string(got.Bytes) != string(container) ||
		got.Sender != node().pair.Digest() || got.Key.Digest() != got.Sender {
		t.Errorf("got %+v", got)
	}
	if again := encrypted(t, envelope, hub().pair.Public()); bytes.Equal(frame, again) {
		t.Error("the same envelope was encrypted twice to the same bytes")
	}
}

func TestEncryptedReceipt(t *testing.T) {
	receipt := receiptFrame(t, session(t, hub()))
	o := nodeOpener()
	o.Pair = node().pair
	got, err := o.OpenListener(encrypted(t, receipt, node().pair.Public()))
	if err != nil || !got.Encrypted || string(got.Envelope) != string(receipt) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestEncryptToEverySize(t *testing.T) {
	files, err := filepath.Glob("../hostkey/testdata/*.priv")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			pair := readPair(t, file)
			text, err := Decrypt(encrypted(t, []byte("a.b.c"), pair.Public()), pair, Limits{})
			if err != nil || string(text) != "a.b.c" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestEncryptedAtTheLimit(t *testing.T) {
	o := hubOpener()
	o.Limits.Size = 512
	lead, tail := `{"a":{"message_id":"m","content":"`, `","version":"1.0"}}`
	full := lead + strings.Repeat("x", 512-len(lead)-len(tail)) + tail
	if _, err := o.Open(encrypted(t, sealed(t, []byte(full), hour(), node()), hub().pair.Public())); err != nil {
		t.Error(err)
	}
	_, err := o.Open(encrypted(t, sealed(t, []byte(full+" "), hour(), node()), hub().pair.Public()))
	wantCode(t, err, TooLarge, "513 bytes; the limit is 512")
}

// joseEncrypt encrypts by go-jose.
func joseEncrypt(t *testing.T, alg jose.KeyAlgorithm, enc jose.ContentEncryption, to any, text string, headers ...string) string {
	t.Helper()
	options := new(jose.EncrypterOptions)
	for i := 0; i < len(headers); i += 2 {
		options.WithHeader(jose.HeaderKey(headers[i]), headers[i+1])
	}
	if len(headers) == 0 {
		options.WithContentType("JWS")
	}
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: to}, options)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	frame, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestGoJoseAndWe(t *testing.T) {
	// Both ways: what we encrypt go-jose opens, and what it encrypts we open,
	// with and without the members that may stand there.
	envelope := string(sealed(t, hostContainer(t), hour(), node()))
	jwe, err := jose.ParseEncryptedCompact(string(encrypted(t, []byte(envelope), hub().pair.Public())),
		[]jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := jwe.Decrypt(hub().private); err != nil || string(text) != envelope || jwe.Header.KeyID != hub().digest() {
		t.Errorf("go-jose reads %q, %v, header %+v", text, err, jwe.Header)
	}
	for _, headers := range [][]string{{}, {"cty", "JWS", "kid", hub().digest()}, {"cty", "JWS", "typ", "cf-message"}} {
		frame := joseEncrypt(t, jose.RSA_OAEP_256, jose.A256GCM, &hub().private.PublicKey, envelope, headers...)
		if got, err := hubOpener().Open([]byte(frame)); err != nil || string(got.Envelope) != envelope {
			t.Errorf("%q: got %+v, %v", headers, got, err)
		}
	}
}

func TestOpenRefusesEncrypted(t *testing.T) {
	envelope := string(sealed(t, hostContainer(t), hour(), node()))
	public := &hub().private.PublicKey
	good := strings.Split(string(encrypted(t, []byte(envelope), hub().pair.Public())), ".")
	to := func(text string) string { return string(encrypted(t, []byte(text), hub().pair.Public())) }
	part := func(i int, with string) string {
		parts := append([]string{}, good...)
		parts[i] = with
		return strings.Join(parts, ".")
	}
	// header keeps what is encrypted and says something else about it.
	header := func(text string) string { return part(0, base64url.EncodeToString([]byte(text))) }
	members := func(more string) string {
		return header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWS"` + more + `}`)
	}
	tests := []struct {
		name, frame string
		code        Code
	}{
		{"to another", string(encrypted(t, []byte(envelope), node().pair.Public())), NotForMe},
		{"to another, who is not named", joseEncrypt(t, jose.RSA_OAEP_256, jose.A256GCM, &node().private.PublicKey, envelope), BadSignature},
		{"RSA1_5", joseEncrypt(t, jose.RSA1_5, jose.A256GCM, public, envelope), BadSignature},
		{"RSA-OAEP with SHA-1", joseEncrypt(t, jose.RSA_OAEP, jose.A256GCM, public, envelope), BadSignature},
		{"A128GCM", joseEncrypt(t, jose.RSA_OAEP_256, jose.A128GCM, public, envelope), BadSignature},
		{"A256CBC-HS512", joseEncrypt(t, jose.RSA_OAEP_256, jose.A256CBC_HS512, public, envelope), BadSignature},
		{"dir", joseEncrypt(t, jose.DIRECT, jose.A256GCM, make([]byte, 32), envelope), BadSignature},
		{"A256KW", joseEncrypt(t, jose.A256KW, jose.A256GCM, make([]byte, 32), envelope), BadSignature},
		{"alg none", header(`{"alg":"none","enc":"A256GCM","cty":"JWS"}`), BadSignature},
		{"alg of a signature", header(`{"alg":"PS256","enc":"A256GCM","cty":"JWS"}`), BadSignature},
		{"no alg", header(`{"enc":"A256GCM","cty":"JWS"}`), BadSignature},
		{"no enc", header(`{"alg":"RSA-OAEP-256","cty":"JWS"}`), BadSignature},
		{"another header than it was encrypted with", members(`,"typ":"cf-message"`), BadSignature},
		{"no cty", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`), Malformed},
		{"cty JWT", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`), Malformed},
		{"zip", members(`,"zip":"DEF"`), Malformed},
		{"crit", members(`,"crit":["exp"]`), Malformed},
		{"jwk", members(`,"jwk":{}`), Malformed},
		{"epk", members(`,"epk":{}`), Malformed},
		{"p2c", members(`,"p2c":1000000000`), Malformed},
		{"typ", members(`,"typ":"JWT"`), Malformed},
		{"cty twice", members(`,"cty":"JWS"`), Malformed},
		{"cty twice, once escaped", members(`,"ct\u0079":"JWS"`), Malformed},
		{"a kid that is none", members(`,"kid":"../../localhost"`), Malformed},
		{"NUL in a kid", members(`,"kid":"\u0000"`), Malformed},
		{"invalid UTF-8", members(",\"kid\":\"\xff\""), Malformed},
		{"a header of 10 MB", members(`,"kid":"` + strings.Repeat("a", 10<<20) + `"`), TooLarge},
		{"a header of 1 KB", members(`,"kid":"` + strings.Repeat("a", 1<<10) + `"`), Malformed},
		{"an empty header", part(0, ""), Malformed},
		{"a deep header", header(strings.Repeat("[", 200)), Malformed},
		{"no key", part(1, ""), BadSignature},
		{"half a key", part(1, good[1][:100]), BadSignature},
		{"a key of zeros", part(1, base64url.EncodeToString(make([]byte, 256))), BadSignature},
		{"a key over the modulus", part(1, strings.Repeat("_", 341)+"w"), BadSignature},
		{"a key longer than any", part(1, strings.Repeat("A", 1368)), Malformed},
		{"no iv", part(2, ""), BadSignature},
		{"a long iv", part(2, strings.Repeat("A", 400)), BadSignature},
		{"another's text", part(3, base64url.EncodeToString([]byte(envelope))), BadSignature},
		{"no text", part(3, ""), BadSignature},
		{"no tag", part(4, ""), BadSignature},
		{"a tag of 12 bytes", part(4, good[4][:16]), BadSignature},
		{"no base64url", part(3, "a+b/"), Malformed},
		{"a line end", part(3, good[3][:8]+"\n"+good[3][8:]), Malformed},
		{"six parts", strings.Join(good, ".") + ".", Malformed},
		{"nothing inside", to(""), Malformed},
		{"a bare container inside", to(string(hostContainer(t))), Malformed},
		{"encrypted again", to(strings.Join(good, ".")), Malformed},
		{"a stranger inside", to(string(sealed(t, hostContainer(t), hour(), stranger()))), UnknownSender},
		{"a forged envelope inside", to(envelope[:len(envelope)-4] + "AAAA"), BadSignature},
		{"an envelope for another inside", to(string(sealed(t, hostContainer(t), audience(node()), node()))), NotForMe},
		{"an expired envelope inside", to(string(sealed(t, hostContainer(t), Header{Iat: 1, Exp: 2}, node()))), Expired},
		{"over the limit", to(strings.Repeat("A", 4<<20)), TooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := hubOpener().Open([]byte(tt.frame))
			wantCode(t, err, tt.code, "")
			checkPlainText(t, err.Error())
		})
	}
}

func audience(h host) Header {
	header := hour()
	header.Aud = h.digest()
	return header
}

func TestWhatDoesNotDecryptTellsNothing(t *testing.T) {
	// A wrong key, a wrong padding, an altered text: one refusal.
	good := strings.Split(string(encrypted(t, []byte("a.b.c"), hub().pair.Public())), ".")
	wrapped, _ := base64url.DecodeString(good[1])
	wrapped[255] ^= 1
	tag, _ := base64url.DecodeString(good[4])
	tag[0] ^= 1
	other := strings.Split(string(encrypted(t, []byte("a.b.c"), hub().pair.Public())), ".")
	var first *Refusal
	for name, changed := range map[string][]string{
		"padding":   {good[0], base64url.EncodeToString(wrapped), good[2], good[3], good[4]},
		"other key": {good[0], other[1], good[2], good[3], good[4]},
		"tag":       {good[0], good[1], good[2], good[3], base64url.EncodeToString(tag)},
	} {
		_, err := Decrypt([]byte(strings.Join(changed, ".")), hub().pair, Limits{})
		r, ok := err.(*Refusal)
		if !ok || r.Code != BadSignature || r.Reason != "" || first != nil && *r != *first {
			t.Errorf("%s: %+v, another said %+v", name, r, first)
		}
		first = r
	}
}

func TestTamperingNeverDecrypts(t *testing.T) {
	pair := smallPair(t)
	o := hubOpener()
	o.Pair = pair
	small := []byte(`{"a":{"message_id":"m","content":1,"version":"1.0"}}`)
	neverOpens(t, o.Open, encrypted(t, sealed(t, small, hour(), node()), pair.Public()))
}

func TestNobodyToDecrypt(t *testing.T) {
	o := hubOpener()
	o.Pair = nil
	_, err := o.Open(encrypted(t, sealed(t, hostContainer(t), hour(), node()), hub().pair.Public()))
	wantCode(t, err, NotForMe, "")
}

func BenchmarkEncrypt(b *testing.B) {
	envelope := sealed(b, hostContainer(b), hour(), node())
	for b.Loop() {
		encrypted(b, envelope, hub().pair.Public())
	}
}

func BenchmarkOpenEncrypted(b *testing.B) {
	for _, of := range []string{"signed", "encrypted"} {
		frame := sealed(b, hostContainer(b), hour(), node())
		if of == "encrypted" {
			frame = encrypted(b, frame, hub().pair.Public())
		}
		b.Run(fmt.Sprintf("of=%s", of), func(b *testing.B) {
			o := hubOpener()
			for b.Loop() {
				if _, err := o.Open(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
