package message

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// What stands in the header of an encrypted envelope.
const (
	algEncrypted = "RSA-OAEP-256" // RFC 7518 section 4.3
	encEncrypted = "A256GCM"      // RFC 7518 section 5.3
	ctyEncrypted = "JWS"
)

// Sizes of A256GCM, in bytes (RFC 7518 section 5.3).
const (
	cekSize = 32
	ivSize  = 12
	tagSize = 16
)

// Encrypt makes the form of an envelope that only its recipient can open: a JWE
// in compact serialization (RFC 7516 section 7.1), RSA-OAEP-256 to the
// recipient's CFEngine key and A256GCM, never compressed (DESIGN.md section 4).
// The envelope is one that Seal or a SessionKey made; its bytes come out again
// as they are. It costs one public RSA operation, and opening a private one.
func Encrypt(envelope []byte, recipient *hostkey.PublicKey) ([]byte, error) {
	var secret [cekSize + ivSize]byte
	rand.Read(secret[:])
	cek, iv := secret[:cekSize], secret[cekSize:]
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, recipient.RSA(), cek, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt to %s: %w", recipient.Digest(), err)
	}
	header := base64url.AppendEncode(nil, encryptedHeader(recipient.Digest()))
	box := gcm(cek).Seal(nil, iv, envelope, header)
	text, tag := box[:len(envelope)], box[len(envelope):]
	frame := make([]byte, 0, len(header)+base64url.EncodedLen(len(wrapped)+len(box)+ivSize)+8)
	frame = append(frame, header...)
	for _, part := range [][]byte{wrapped, iv, text, tag} {
		frame = base64url.AppendEncode(append(frame, '.'), part)
	}
	return frame, nil
}

func encryptedHeader(to hostkey.Digest) []byte {
	return []byte(`{"alg":"` + algEncrypted + `","enc":"` + encEncrypted + `","cty":"` + ctyEncrypted + `","kid":"` + string(to) + `"}`)
}

// gcm cannot fail: the key has the size of AES-256.
func gcm(cek []byte) cipher.AEAD {
	block, err := aes.NewCipher(cek)
	if err == nil {
		var g cipher.AEAD
		if g, err = cipher.NewGCM(block); err == nil {
			return g
		}
	}
	panic(err)
}

// IsEncrypted tells whether a frame is a JWE in compact serialization, by its
// five parts, rather than a signed envelope or a bare container.
func IsEncrypted(frame []byte) bool {
	return !IsBare(frame) && bytes.Count(frame, []byte(".")) == 4
}
