// Package hostkey reads the keys that CFEngine keeps for its hosts: the key
// pair of the host itself, the digests by which keys are named, signatures
// PS256 (RFC 7518 section 3.5) made and checked with them, and the store of
// the hosts that are trusted.
//
// A key is known by its content alone. The name of the file it came from is
// for people.
package hostkey

import (
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

const (
	shaPrefix = "SHA="
	md5Prefix = "MD5="
)

// Digest names a key, and with it a host: "SHA=" and the 64 lower-case
// hexadecimal digits of a SHA-256. It is the same on every edition of
// CFEngine, whatever the edition itself shows (DESIGN.md section 4).
type Digest string

// ParseDigest takes a digest as text. Anything but the one spelling that
// DigestOf makes is refused, so that two digests are the same key exactly
// when they are the same text.
func ParseDigest(s string) (Digest, error) {
	digits, ok := strings.CutPrefix(s, shaPrefix)
	if !ok || len(digits) != 2*sha256.Size || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is not a key digest: that is SHA= and 64 lower-case hexadecimal digits, as `messages key` shows it", clip(s))
	}
	return Digest(s), nil
}

// DigestOf returns the digest of k, which must have a modulus. It covers the
// bytes of the modulus followed by those of the exponent, both big-endian,
// without sign byte, length or DER (libntech hash.c, HashPubKey).
func DigestOf(k *rsa.PublicKey) Digest {
	sum := sha256.Sum256(digested(k))
	return Digest(shaPrefix + hex.EncodeToString(sum[:]))
}

// CommunityDigest returns the name that CFEngine Community gives the key,
// "MD5=" and 32 hexadecimal digits: what `cf-key -p` and $(sys.key_digest)
// show. It is for people and for finding files; MD5 proves nothing.
func CommunityDigest(k *rsa.PublicKey) string {
	sum := md5.Sum(digested(k))
	return md5Prefix + hex.EncodeToString(sum[:])
}

func digested(k *rsa.PublicKey) []byte {
	return append(k.N.Bytes(), big.NewInt(int64(k.E)).Bytes()...)
}

// clip bounds what is repeated of another's text in an error.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
