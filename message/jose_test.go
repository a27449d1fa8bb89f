package message

import (
	"crypto/ed25519"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestGoJoseVerifiesOurs(t *testing.T) {
	h := hour()
	h.Seq, h.Aud = 7, hub().digest()
	container := hostContainer(t)
	jws, err := jose.ParseSignedCompact(string(sealed(t, container, h, node())), []jose.SignatureAlgorithm{jose.PS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(&node().private.PublicKey)
	if err != nil || string(payload) != string(container) {
		t.Fatalf("payload %s, %v", payload, err)
	}
	got := jws.Signatures[0].Protected
	if got.KeyID != node().digest() || got.ExtraHeaders["typ"] != "cf-message" || got.ExtraHeaders["seq"] != 7.0 {
		t.Errorf("header %+v", got)
	}
	if _, err := jws.Verify(&hub().private.PublicKey); err == nil {
		t.Error("it holds under another key")
	}
}

// joseSeal seals by go-jose, which writes the header's members in its own order.
func joseSeal(t *testing.T, alg jose.SignatureAlgorithm, container []byte, by host) []byte {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("cf-message").
		WithHeader("kid", by.digest()).WithHeader("iat", noon.Unix()).WithHeader("exp", noon.Unix()+60)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: by.private}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(container)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(frame)
}

func TestWeOpenGoJoses(t *testing.T) {
	container := hostContainer(t)
	got, err := hubOpener().Open(joseSeal(t, jose.PS256, container, node()))
	if err != nil || got.Sender != node().pair.Digest() || string(got.Bytes) != string(container) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS384, jose.PS512} {
		_, err := hubOpener().Open(joseSeal(t, alg, container, node()))
		wantCode(t, err, BadSignature, string(alg))
	}
}

func TestGoJoseVerifiesTheListener(t *testing.T) {
	// As any program would: the cert under the host's key, then the receipt
	// under the key that the cert gives.
	frame := receiptFrame(t, session(t, hub()))
	jws, err := jose.ParseSignedCompact(string(frame), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := jws.Signatures[0].Protected.ExtraHeaders["cert"].(string)
	cert, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.PS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := cert.Verify(&hub().private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	var says struct{ JWK jose.JSONWebKey }
	if err := json.Unmarshal(payload, &says); err != nil {
		t.Fatal(err)
	}
	key, ok := says.JWK.Key.(ed25519.PublicKey)
	if !ok {
		t.Fatalf("the jwk is a %T", says.JWK.Key)
	}
	if _, err := jws.Verify(key); err != nil {
		t.Error(err)
	}
}
