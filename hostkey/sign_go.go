//go:build !openssl

package hostkey

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
)

// Signer names what makes signatures.
func Signer() string { return "crypto/rsa" }

// signing is what a Pair keeps for signing: crypto/rsa needs nothing.
type signing struct{}

func (signing) sign(p *Pair, hash [sha256.Size]byte) ([]byte, error) {
	return rsa.SignPSS(rand.Reader, p.private, crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: saltSize})
}
