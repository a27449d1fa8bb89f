package hostkey

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"filippo.io/bigmod"
)

// The sizes of modulus that are taken, in bits. Below 1024 a key can be
// factored at home, and crypto/rsa refuses it too. The upper end bounds what
// one check can cost a listener: 8192 bits cost about 0.3 ms, and the cost
// grows with the square.
const (
	minBits = 1024
	maxBits = 8192
)

// maxExponent is that of crypto/rsa, so that both take the same keys.
const maxExponent = 1<<31 - 1

// preparedBits is the size up to which bigmod has assembly; beyond it
// math/big is three to four times as fast, and its varying time tells nothing
// that is not public.
const preparedBits = 2048

// PublicKey is a public RSA key that was checked and made ready to check
// signatures. It never changes; any number of goroutines may share it.
type PublicKey struct {
	key     rsa.PublicKey
	digest  Digest
	size    int             // bytes of the modulus, and of a signature
	modulus *bigmod.Modulus // nil above preparedBits
}

// NewPublicKey checks k and prepares it. The modulus must be odd and of 1024
// to 8192 bits, the exponent odd and from 3 to 2^31-1: cf-key takes 65537
// today, and took 35 when it still encrypted its private keys. It keeps a
// copy, so k may change afterwards.
func NewPublicKey(k *rsa.PublicKey) (*PublicKey, error) {
	if err := check(k); err != nil {
		return nil, err
	}
	p := &PublicKey{
		key:    rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E},
		digest: DigestOf(k),
		size:   k.Size(),
	}
	if k.N.BitLen() > preparedBits {
		return p, nil
	}
	var err error
	p.modulus, err = bigmod.NewModulus(k.N.Bytes())
	return p, err
}

func check(k *rsa.PublicKey) error {
	if k == nil || k.N == nil || k.N.Sign() <= 0 {
		return errors.New("the key has no modulus; make another with `cf-key`")
	}
	if n := k.N.BitLen(); n < minBits || n > maxBits {
		return fmt.Errorf("the key has %d bits; from %d to %d are taken, make another with `cf-key -T 2048`", n, minBits, maxBits)
	}
	// bigmod takes an even modulus and panics when it is used.
	if k.N.Bit(0) == 0 {
		return errors.New("the modulus is even, so this is no RSA key; make another with `cf-key`")
	}
	if k.E < 3 || k.E > maxExponent || k.E&1 == 0 {
		return fmt.Errorf("the public exponent is %d; it must be odd and from 3 to %d, make another key with `cf-key`", k.E, maxExponent)
	}
	return nil
}

// ParsePublic reads a public key as cf-key writes it: one PEM block
// "RSA PUBLIC KEY" (PKCS #1, RFC 8017 appendix A.1.1) and nothing else.
// NewPublicKey says which keys are taken.
func ParsePublic(data []byte) (*PublicKey, error) {
	block, err := onlyBlock(data, publicType)
	if err != nil {
		return nil, err
	}
	if len(block.Headers) > 0 {
		return nil, errors.New("its PEM block has headers; a public key has none, copy it again")
	}
	k, err := x509.ParsePKCS1PublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its PEM block holds no RSA key (%w); copy the key again", err)
	}
	return NewPublicKey(k)
}

// ReadPublic reads the public key in a file of at most 16 KiB. Errors name
// the file.
func ReadPublic(path string) (*PublicKey, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	k, err := ParsePublic(data)
	if err != nil {
		return nil, fmt.Errorf("public key: %s: %w", path, err)
	}
	return k, nil
}

// Text returns the key in one line: the PKCS #1 DER in base64url without padding.
func (k *PublicKey) Text() string {
	return base64.RawURLEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&k.key))
}

// maxText bounds Text: a key of maxBits with the longest exponent.
const maxText = 1400

// ParseText reads what Text writes, and nothing else that means the same.
func ParseText(text string) (*PublicKey, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("over %d bytes; no key is that long", maxText)
	}
	der, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64url without padding")
	}
	public, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("no RSA public key of PKCS #1 (%w)", err)
	}
	k, err := NewPublicKey(public)
	if err == nil && k.Text() != text {
		err = errors.New("not written as PKCS #1 has it")
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Digest returns the key's name.
func (k *PublicKey) Digest() Digest { return k.digest }

// RSA returns a copy of the key, for other libraries.
func (k *PublicKey) RSA() *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Set(k.key.N), E: k.key.E}
}

// PEM returns the key as cf-key writes it, byte for byte.
func (k *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: publicType, Bytes: x509.MarshalPKCS1PublicKey(&k.key)})
}
