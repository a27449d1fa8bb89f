//go:build openssl

package hostkey

// A signature is the dearest thing that a node does for a message, and OpenSSL
// has a private RSA operation in a third of crypto/rsa's time, on processors
// with AVX-512 or without. Linked whole, as a node needs nothing for the module.

/*
#cgo LDFLAGS: -l:libcrypto.a -ldl -lpthread
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rsa.h>

// An RSA by itself, not an EVP_PKEY: that would load a provider, which takes
// longer than five signatures. No configuration file is read, whatever the
// environment says.
static RSA *private_key(const unsigned char *der, long size) {
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL))
		return NULL;
	return d2i_RSAPrivateKey(NULL, &der, size);
}

static int raise(RSA *key, const unsigned char *from, unsigned char *to) {
	return RSA_private_encrypt(RSA_size(key), from, to, key, RSA_NO_PADDING);
}
*/
import "C"

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"runtime"
	"sync"
)

// Signer names what makes signatures.
func Signer() string { return C.GoString(C.OpenSSL_version(C.OPENSSL_VERSION)) }

// signing is the private key as OpenSSL holds it, made when it first signs.
type signing struct {
	once sync.Once
	key  *C.RSA
}

func (s *signing) sign(p *Pair, hash [sha256.Size]byte) ([]byte, error) {
	s.once.Do(func() { s.open(p) })
	if s.key == nil {
		return nil, errors.New("OpenSSL does not take it; make another with `cf-key`")
	}
	var salt [saltSize]byte
	rand.Read(salt[:])
	encoded := encode(hash, salt, p.public.size, p.public.key.N.BitLen()-1)
	signature := make([]byte, len(encoded))
	// It checks its result, so that a fault on the way does not betray the key.
	if n := C.raise(s.key, (*C.uchar)(&encoded[0]), (*C.uchar)(&signature[0])); int(n) != len(signature) {
		return nil, errors.New("OpenSSL fails")
	}
	runtime.KeepAlive(p)
	return signature, nil
}

func (s *signing) open(p *Pair) {
	der := x509.MarshalPKCS1PrivateKey(p.private)
	s.key = C.private_key((*C.uchar)(&der[0]), C.long(len(der)))
	if s.key != nil {
		runtime.AddCleanup(p, func(key *C.RSA) { C.RSA_free(key) }, s.key)
	}
}

// encode is EMSA-PSS-ENCODE (RFC 8017 section 9.1.1; the numbers are its steps)
// with SHA-256, in size bytes, which is as many as the modulus has.
func encode(hash [sha256.Size]byte, salt [saltSize]byte, size, emBits int) []byte {
	whole := make([]byte, size)
	em := whole[size-(emBits+7)/8:] // a byte less where the modulus has 8n+1 bits
	last := len(em) - 1
	db, h := em[:last-sha256.Size], em[last-sha256.Size:last]
	var m [8 + sha256.Size + saltSize]byte // 5
	copy(m[8:], hash[:])
	copy(m[8+sha256.Size:], salt[:])
	sum := sha256.Sum256(m[:]) // 6
	copy(h, sum[:])
	db[len(db)-saltSize-1] = 1 // 7, 8
	copy(db[len(db)-saltSize:], salt[:])
	unmask(db, h)                         // 9, 10: both ways the same
	db[0] &= 0xff >> (8*len(em) - emBits) // 11
	em[last] = 0xbc                       // 12
	return whole
}
