package hostkey

import (
	"crypto/sha256"
	"fmt"
)

// SignPS256 signs as VerifyPS256 checks. It costs some forty times as much, or,
// built with OpenSSL (the tag openssl), some fifteen times.
func (p *Pair) SignPS256(signed []byte) ([]byte, error) {
	signature, err := p.signing.sign(p, sha256.Sum256(signed))
	if err != nil {
		return nil, fmt.Errorf("signing with the host key: %w", err)
	}
	return signature, nil
}
