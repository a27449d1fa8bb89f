package main

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// attackerKey is one that nobody trusts, squattedKey that of a host whose name is taken.
var attackerKey, squattedKey = sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// forger makes envelopes by hand, so that they may be wrong in any way.
type forger struct {
	t    testing.TB
	kid  hostkey.Digest // the host that the listener trusts
	by   *rsa.PrivateKey
	when time.Time
}

// header is that of a right envelope with changes; nil leaves a member out.
func (f forger) header(changes map[string]any) string {
	f.t.Helper()
	members := map[string]any{"alg": "PS256", "typ": "cf-message", "kid": f.kid, "iat": f.when.Unix(), "exp": f.when.Unix() + 3600}
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(members)
	must(f.t, err)
	return string(text)
}

// signer signs what stands before the second dot.
type signer func(signed []byte) []byte

func (f forger) ps256(signed []byte) []byte {
	sum := sha256.Sum256(signed)
	signature, err := rsa.SignPSS(rand.Reader, f.by, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	must(f.t, err)
	return signature
}

func (f forger) rs256(signed []byte) []byte {
	sum := sha256.Sum256(signed)
	signature, err := rsa.SignPKCS1v15(rand.Reader, f.by, crypto.SHA256, sum[:])
	must(f.t, err)
	return signature
}

// hs256 takes for a secret what everybody knows.
func hs256(secret []byte) signer {
	return func(signed []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(signed)
		return mac.Sum(nil)
	}
}

func unsigned([]byte) []byte { return nil }

func envelopeOf(header, payload string, sign signer) string {
	text := base64.RawURLEncoding
	signed := text.EncodeToString([]byte(header)) + "." + text.EncodeToString([]byte(payload))
	return signed + "." + text.EncodeToString(sign([]byte(signed)))
}

// signed is an envelope that the trusted host itself signs.
func (f forger) signed(header, payload string) string { return envelopeOf(header, payload, f.ps256) }

// says is an envelope that is right around a payload that may not be.
func (f forger) says(payload string) string { return f.signed(f.header(nil), payload) }

// part is an envelope with one of its parts put otherwise.
func part(envelope string, i int, change func(string) string) string {
	parts := strings.Split(envelope, ".")
	parts[i] = change(parts[i])
	return strings.Join(parts, ".")
}

func about(id, content string) string {
	return fmt.Sprintf(`{"host":{"message_id":%q,"content":%s,"version":"1.0"}}`, id, content)
}
