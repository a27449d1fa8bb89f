package message

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// nodeOpener is a module that knows the hub's key.
func nodeOpener() *Opener {
	return &Opener{Keys: trusted(hub()), Self: node().pair.Digest(), Now: func() time.Time { return noon }}
}

func TestSessionSealAndOpen(t *testing.T) {
	k := session(t, hub())
	h := hour()
	h.Aud = node().digest()
	container := encoded(t, Receipt{Status: Stored}.Container("m1"))
	frame, err := k.Seal(container, h)
	if err != nil {
		t.Fatal(err)
	}
	got, err := nodeOpener().OpenListener(frame)
	if err != nil {
		t.Fatal(err)
	}
	if got.Sender != hub().pair.Digest() || string(got.Bytes) != string(container) || got.Header.Alg != "EdDSA" {
		t.Errorf("got %+v", got)
	}
	if k.expires != noon.Add(48*time.Hour) {
		t.Errorf("expires %v", k.expires)
	}
}

func TestVoicesDoNotMix(t *testing.T) {
	// A node is not heard as a listener nor a listener as a node, whoever trusts
	// them; and a cert is no message.
	k := session(t, hub())
	receipt := receiptFrame(t, k)
	_, err := hubOpener().Open(receipt)
	wantCode(t, err, BadSignature, "EdDSA")
	_, err = hubOpener().OpenListener(sealed(t, hostContainer(t), hour(), hub()))
	wantCode(t, err, BadSignature, "PS256")
	// Who takes both is told which it was.
	o := nodeOpener()
	for frame, byListener := range map[string]bool{string(receipt): true, string(sealed(t, hostContainer(t), hour(), hub())): false} {
		opened, err := o.OpenAny([]byte(frame))
		if err != nil || opened.ByListener() != byListener || opened.Sender != hub().pair.Digest() {
			t.Errorf("by a listener %t: %+v, %v", byListener, opened, err)
		}
		forged := []byte(frame)
		at := len(forged) - 20
		if forged[at]++; !strings.Contains("BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz123456789", string(forged[at])) {
			forged[at] = 'A'
		}
		_, err = o.OpenAny(forged)
		wantCode(t, err, BadSignature, "")
	}
	for _, open := range []func([]byte) (Opened, error){hubOpener().Open, hubOpener().OpenListener} {
		_, err = open([]byte(k.cert))
		wantCode(t, err, Malformed, "typ")
	}
}

// voice seals with a session key under any cert.
type voice struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey
}

func newVoice(t *testing.T) voice {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return voice{public, private}
}

func (v voice) seal(t *testing.T, header string) []byte {
	frame, err := sign([]byte(header), encoded(t, Receipt{Status: Stored}.Container("m1")),
		func(b []byte) ([]byte, error) { return ed25519.Sign(v.private, b), nil })
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func (v voice) jwk() string {
	return `{"crv":"Ed25519","kty":"OKP","x":"` + base64url.EncodeToString(v.public) + `"}`
}

func TestOpenListenerRefuses(t *testing.T) {
	v := newVoice(t)
	exp := fmt.Sprint(noon.Unix() + 60)
	head := certHeader(hub().digest())
	says := func(jwk, exp string) string { return `{"jwk":` + jwk + `,"exp":` + exp + `}` }
	cert := func(header, payload string, by host) string { return string(forge(t, header, payload, by)) }
	good := cert(head, says(v.jwk(), exp), hub())
	tests := []struct {
		name, cert string
		code       Code // "" where it opens
	}{
		{"as it should be", good, ""},
		{"members in another order", cert(head, `{"exp":`+exp+`,"jwk":`+v.jwk()+`}`, hub()), ""},
		{"31 days and the skew", cert(head, says(v.jwk(), fmt.Sprint(noon.Unix()+31*86400+300)), hub()), ""},

		{"none", "", BadSignature},
		{"no JWS", "hello", Malformed},
		{"a node's envelope", string(sealed(t, hostContainer(t), hour(), hub())), Malformed},
		{"typ of a token", cert(strings.Replace(head, typCert, "JWT", 1), says(v.jwk(), exp), hub()), Malformed},
		{"a member more in its header", cert(strings.Replace(head, "{", `{"iat":1,`, 1), says(v.jwk(), exp), hub()), Malformed},
		{"crit in its header", cert(strings.Replace(head, "{", `{"crit":["exp"],`, 1), says(v.jwk(), exp), hub()), Malformed},
		{"of another host", cert(certHeader(node().digest()), says(v.jwk(), exp), node()), Malformed},
		{"no payload", cert(head, "", hub()), Malformed},
		{"no jwk", cert(head, `{"exp":`+exp+`}`, hub()), Malformed},
		{"no exp", cert(head, `{"jwk":`+v.jwk()+`}`, hub()), Malformed},
		{"a third member", cert(head, `{"iat":1,`+says(v.jwk(), exp)[1:], hub()), Malformed},
		{"a member twice", cert(head, `{"exp":1,`+says(v.jwk(), exp)[1:], hub()), Malformed},
		{"a private key", cert(head, says(strings.Replace(v.jwk(), "{", `{"d":"AA",`, 1), exp), hub()), Malformed},
		{"another curve", cert(head, says(strings.Replace(v.jwk(), "Ed25519", "X25519", 1), exp), hub()), Malformed},
		{"a short key", cert(head, says(`{"crv":"Ed25519","kty":"OKP","x":"AAAA"}`, exp), hub()), Malformed},
		{"a key that is no text", cert(head, says(`{"crv":"Ed25519","kty":"OKP","x":1}`, exp), hub()), Malformed},
		{"longer than 31 days", cert(head, says(v.jwk(), fmt.Sprint(noon.Unix()+31*86400+301)), hub()), Malformed},
		{"alg none", cert(strings.Replace(head, "PS256", "none", 1), says(v.jwk(), exp), hub()), BadSignature},
		{"signed by another", cert(head, says(v.jwk(), exp), node()), BadSignature},
		{"of another session key", cert(head, says(newVoice(t).jwk(), exp), hub()), BadSignature},
		{"expired this second", cert(head, says(v.jwk(), fmt.Sprint(noon.Unix())), hub()), Expired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changes := []string{"alg", `"EdDSA"`}
			if tt.cert != "" {
				changes = append(changes, "cert", `"`+tt.cert+`"`)
			}
			got, err := hubOpener().OpenListener(v.seal(t, members(hub(), changes...)))
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

func TestOpenListenerJudges(t *testing.T) {
	v := newVoice(t)
	payload := fmt.Sprintf(`{"jwk":%s,"exp":%d}`, v.jwk(), noon.Unix()+60)
	quoted := func(by host) string { return `"` + string(forge(t, certHeader(by.digest()), payload, by)) + `"` }
	with := func(by host, changes ...string) []byte {
		return v.seal(t, members(by, append(changes, "alg", `"EdDSA"`, "cert", quoted(by))...))
	}
	tests := []struct {
		name  string
		frame []byte
		code  Code
	}{
		{"not trusted", with(stranger()), UnknownSender},
		{"for another", with(hub(), "aud", `"`+stranger().digest()+`"`), NotForMe},
		{"expired", with(hub(), "iat", "1", "exp", "2"), Expired},
		{"not yet valid", with(hub(), "iat", fmt.Sprint(noon.Unix()+301)), Expired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := hubOpener().OpenListener(tt.frame)
			wantCode(t, err, tt.code, "")
		})
	}
}

func TestCertIsVerifiedOnceAndTrustAsked(t *testing.T) {
	o := nodeOpener()
	k := session(t, hub())
	for range 3 {
		if _, err := o.OpenListener(receiptFrame(t, k)); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.own.known) != 1 {
		t.Errorf("%d certs remembered, want 1", len(o.own.known))
	}
	// A remembered cert ends when it says so,
	o.Now = func() time.Time { return k.expires }
	frame, err := k.Seal(encoded(t, Receipt{Status: Stored}.Container("m1")),
		Header{Iat: k.expires.Unix() - 1, Exp: k.expires.Unix() + 60})
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.OpenListener(frame)
	wantCode(t, err, Expired, "")
	// and its host's key can be removed before.
	o.Now = func() time.Time { return noon }
	o.Keys = func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nil, false }
	_, err = o.OpenListener(frame)
	wantCode(t, err, UnknownSender, "")
}

func TestOpenersShareTheirCerts(t *testing.T) {
	var certs Certs
	k := session(t, hub())
	for range 3 {
		o := nodeOpener()
		o.Certs = &certs
		if _, err := o.OpenListener(receiptFrame(t, k)); err != nil {
			t.Fatal(err)
		}
		if len(certs.known) != 1 || len(o.own.known) != 0 {
			t.Errorf("%d certs remembered together, %d alone", len(certs.known), len(o.own.known))
		}
	}
}

func TestCertStaysWithItsHost(t *testing.T) {
	// A cert that is remembered for one host vouches for no other.
	o, v := hubOpener(), newVoice(t)
	cert := forge(t, certHeader(hub().digest()), fmt.Sprintf(`{"jwk":%s,"exp":%d}`, v.jwk(), noon.Unix()+60), hub())
	under := func(kid host) []byte {
		return v.seal(t, members(kid, "alg", `"EdDSA"`, "cert", `"`+string(cert)+`"`))
	}
	if _, err := o.OpenListener(under(hub())); err != nil {
		t.Fatal(err)
	}
	_, err := o.OpenListener(under(node()))
	wantCode(t, err, Malformed, "cert")
}

func TestMemoryOfCertsIsBounded(t *testing.T) {
	var c Certs
	for i := range 10 * certLimit {
		c.put(fmt.Sprint(i), voucher{exp: int64(i)})
		if v, ok := c.get(fmt.Sprint(i)); !ok || v.exp != int64(i) || len(c.known) > certLimit {
			t.Fatalf("after %d: %v %v, %d remembered", i, v, ok, len(c.known))
		}
	}
}

func TestOpenersAreShared(t *testing.T) {
	o := nodeOpener()
	frames := [][]byte{receiptFrame(t, session(t, hub())), receiptFrame(t, session(t, hub()))}
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			for j := range 20 {
				if _, err := o.OpenListener(frames[(i+j)%2]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
}

func TestSessionKeyLimits(t *testing.T) {
	for _, life := range []time.Duration{0, -time.Hour, MaxLifetime + time.Second} {
		if _, err := NewSessionKey(hub().pair, noon, life); err == nil {
			t.Errorf("a life of %v was taken", life)
		}
	}
	k, err := NewSessionKey(hub().pair, noon, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	late := Header{Iat: noon.Unix() + 60, Exp: noon.Unix() + 90}
	if _, err := k.Seal(hostContainer(t), late); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("sealed after the key's end: %v", err)
	}
}

func TestTamperingWithAListenerNeverOpens(t *testing.T) {
	// The cert lies within the signed header, so its bits count as well.
	k := session(t, hub())
	o := nodeOpener()
	neverOpens(t, o.OpenListener, receiptFrame(t, k))
}

func TestCertBytes(t *testing.T) {
	k := session(t, hub())
	payload, err := Payload([]byte(k.cert))
	if err != nil {
		t.Fatal(err)
	}
	var cert struct {
		JWK struct{ Crv, Kty, X string }
		Exp int64
	}
	if err := json.Unmarshal(payload, &cert); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"jwk":{"crv":"Ed25519","kty":"OKP","x":"%s"},"exp":%d}`, cert.JWK.X, noon.Unix()+48*3600)
	if string(payload) != want {
		t.Errorf("cert says %s, want %s", payload, want)
	}
}

// One header is written once, and never stands for another.
func TestSessionSealHeaders(t *testing.T) {
	k := session(t, hub())
	later, forNode := hour(), hour()
	later.Iat++
	forNode.Aud = node().digest()
	for _, h := range []Header{hour(), hour(), later, forNode, hour(), forNode} {
		frame, err := k.Seal(encoded(t, Receipt{Status: Stored}.Container("m1")), h)
		if err != nil {
			t.Fatal(err)
		}
		o := nodeOpener()
		got, err := o.OpenListener(frame)
		if err != nil || got.Header.Iat != h.Iat || got.Header.Aud != h.Aud {
			t.Errorf("%+v was opened as %+v, %v", h, got.Header, err)
		}
	}
	bad := hour()
	bad.Exp = bad.Iat
	for range 2 {
		if _, err := k.Seal(encoded(t, Receipt{Status: Stored}.Container("m1")), bad); err == nil {
			t.Error("sealed without a lifetime")
		}
	}
}
