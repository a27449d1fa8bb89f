package hostkey

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// privateName is the file of the host's own key in CFEngine's ppkeys folder.
const privateName = "localhost.priv"

// passphrase is what CFEngine before 3.14.0 encrypted every private key with
// (libpromises/crypto.c). It is public, and it protects nothing.
const passphrase = "Cfengine passphrase"

// Pair is the key pair of this host. It never changes; any number of
// goroutines may share it.
type Pair struct {
	private *rsa.PrivateKey
	public  *PublicKey
	signing signing
}

// ParsePrivate reads a private key as cf-key writes it: one PEM block
// "RSA PRIVATE KEY" (PKCS #1, RFC 8017 appendix A.1.2) and nothing else, bare
// as since CFEngine 3.14.0, or encrypted the old way (RFC 1423) under
// CFEngine's own passphrase. NewPublicKey says which keys are taken.
func ParsePrivate(data []byte) (*Pair, error) {
	block, err := onlyBlock(data, privateType)
	if err != nil {
		return nil, err
	}
	der, err := decrypted(block)
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("its PEM block holds no RSA key that can be used (%w); restore it, or make another with `cf-key`", err)
	}
	public, err := NewPublicKey(&k.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Pair{private: k, public: public}, nil
}

func decrypted(block *pem.Block) ([]byte, error) {
	//lint:ignore SA1019 CFEngine's old key files have this form, and no other library reads it
	if !x509.IsEncryptedPEMBlock(block) {
		return block.Bytes, nil
	}
	//lint:ignore SA1019 see above
	der, err := x509.DecryptPEMBlock(block, []byte(passphrase))
	if err != nil {
		return nil, fmt.Errorf("it is encrypted, and not with CFEngine's own passphrase (%w); "+
			"take the encryption off with `openssl rsa -traditional -in OLD -out NEW`", err)
	}
	return der, nil
}

// ReadPair reads localhost.priv in dir, CFEngine's ppkeys folder. Errors name
// the file. It does not look at the file's mode: CheckMode does.
func ReadPair(dir string) (*Pair, error) {
	path := filepath.Join(dir, privateName)
	data, err := readFile(path)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("host key: %w; make one with `cf-key`", err)
	}
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	p, err := ParsePrivate(data)
	if err != nil {
		return nil, fmt.Errorf("host key: %s: %w", path, err)
	}
	return p, nil
}

// CheckMode returns an error when a file that only its owner should read,
// like localhost.priv, gives any right to its group or to others. Access
// lists beyond the mode are not seen.
func CheckMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s: its mode %04o lets others than its owner at it; run `chmod 600 %s`, and make another key where they may have read it", path, mode, path)
	}
	return nil
}

// Public returns the public half.
func (p *Pair) Public() *PublicKey { return p.public }

// Digest returns the pair's name.
func (p *Pair) Digest() Digest { return p.public.Digest() }

// RSA returns the private key, for opening what was encrypted to this host
// (DESIGN.md section 4). It is shared and must not be changed.
func (p *Pair) RSA() *rsa.PrivateKey { return p.private }
