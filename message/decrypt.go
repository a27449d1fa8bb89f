package message

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// encryptedHeaderLimit bounds the decoded header of an encrypted envelope, in bytes. Ours
// takes 142.
const encryptedHeaderLimit = 512

// wrappedLimit bounds an encoded key: one wrapped for an RSA key of 8192 bits.
const wrappedLimit = signatureLimit

// Decrypt opens the form that Encrypt makes, and gives the signed envelope
// inside, which proves nothing yet. The header has alg, enc and cty as Encrypt
// writes them, kid, which may be left out, and typ "cf-message", which may
// stand there; no other member, so nothing is ever inflated, and no key but
// pair's is tried.
//
// The error is a *Refusal: TooLarge, Malformed, NotForMe for another's kid, or
// BadSignature for another algorithm and for whatever does not open. Nothing
// tells a wrong key from altered bytes, the time neither: an oracle for one of
// them has broken RSA encryption before (RFC 7516 section 11.5).
func Decrypt(frame []byte, pair *hostkey.Pair, l Limits) ([]byte, error) {
	if limit := encryptedLimit(l.orDefault()); len(frame) > limit {
		return nil, tooLarge(len(frame), Limits{Size: limit})
	}
	if !IsEncrypted(frame) {
		return nil, refuse(Malformed, "not a JWE in compact serialization, which has five parts")
	}
	parts := bytes.Split(frame, []byte("."))
	if err := checkEncryptedHeader(parts[0], pair); err != nil {
		return nil, err
	}
	var plain [5][]byte
	for i, part := range parts[1:] {
		if i == 0 && len(part) > wrappedLimit {
			return nil, refuse(Malformed, "an encrypted key of %d bytes; the longest has %d", len(part), wrappedLimit)
		}
		var err error
		if plain[i], err = decode64(part); err != nil {
			return nil, refuse(Malformed, "part %d of the JWE: %v", i+2, err)
		}
	}
	return unlock(parts[0], plain[0], plain[1], plain[2], plain[3], pair)
}

// encryptedLimit is the length of the longest frame that can hold an envelope
// around a container within l.
func encryptedLimit(l Limits) int {
	return base64url.EncodedLen(encryptedHeaderLimit) + wrappedLimit + base64url.EncodedLen(frameLimit(l)+ivSize+tagSize) + 8
}

func unlock(header, wrapped, iv, text, tag []byte, pair *hostkey.Pair) ([]byte, error) {
	cek := unwrap(wrapped, pair)
	if len(iv) == ivSize && len(tag) == tagSize {
		box := append(text, tag...)
		if plain, err := gcm(cek).Open(box[:0], iv, box, header); err == nil {
			return plain, nil
		}
	}
	return nil, refuseStranger(BadSignature, "it is encrypted, and does not open with this host's key: made for another, or altered on the way")
}

// unwrap gives the key that the text is encrypted with. Where there is none it
// gives one that opens nothing, so that the same work follows.
func unwrap(wrapped []byte, pair *hostkey.Pair) []byte {
	cek, err := rsa.DecryptOAEP(sha256.New(), nil, pair.RSA(), wrapped, nil)
	if err != nil || len(cek) != cekSize {
		cek = make([]byte, cekSize)
		rand.Read(cek)
	}
	return cek
}

// encryptedMembers are the header of an encrypted envelope.
type encryptedMembers struct{ alg, enc, cty, kid, typ string }

func (h *encryptedMembers) member(r *reader, name string) (err error) {
	switch name {
	case "alg":
		h.alg, err = r.filled()
	case "enc":
		h.enc, err = r.filled()
	case "cty":
		h.cty, err = r.filled()
	case "kid":
		h.kid, err = r.filled()
	case "typ":
		h.typ, err = r.filled()
	default:
		err = r.fault("not a header of an encrypted envelope; leave it out")
	}
	return err
}

// checkEncryptedHeader judges the header before anything is decrypted.
func checkEncryptedHeader(encoded []byte, pair *hostkey.Pair) error {
	var h encryptedMembers
	if err := h.read(encoded); err != nil {
		return within("header of the JWE", err)
	}
	switch {
	case h.kid != "" && h.kid != string(pair.Digest()):
		return refuseStranger(NotForMe, "it is encrypted to %s; this host is %s", h.kid, pair.Digest())
	case h.alg != algEncrypted || h.enc != encEncrypted:
		return refuseStranger(BadSignature, "it is encrypted by alg %.64q and enc %.64q; it must be %s and %s", h.alg, h.enc, algEncrypted, encEncrypted)
	}
	return nil
}

func (h *encryptedMembers) read(encoded []byte) error {
	if base64url.DecodedLen(len(encoded)) > encryptedHeaderLimit {
		return fmt.Errorf("over %d bytes", encryptedHeaderLimit)
	}
	text, err := decode64(encoded)
	if err != nil {
		return err
	}
	err = read(text, 1, func(r *reader) error {
		return r.object(func(name string) error { return h.member(r, name) })
	})
	if err != nil {
		return err
	}
	return h.check()
}

func (h *encryptedMembers) check() error {
	if h.kid != "" {
		if _, err := hostkey.ParseDigest(h.kid); err != nil {
			return fmt.Errorf("kid: %w", err)
		}
	}
	switch {
	case h.cty != ctyEncrypted:
		return fmt.Errorf("cty is %.64q; it must be %q", h.cty, ctyEncrypted)
	case h.typ != "" && h.typ != typMessage:
		return fmt.Errorf("typ is %.64q; leave it out", h.typ)
	}
	return nil
}
