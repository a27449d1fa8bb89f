package hostkey

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math/big"

	"filippo.io/bigmod"
)

// saltSize is fixed by PS256: as long as the hash (RFC 7518 section 3.5).
const saltSize = sha256.Size

// ErrSignature is the one answer to a signature that does not hold. It says
// no more, so that nobody can learn from it.
var ErrSignature = errors.New("the signature does not hold under this key")

// VerifyPS256 returns nil when signature is one by k over signed, else
// ErrSignature: RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32
// bytes (RFC 8017 section 8.1.2, RFC 7518 section 3.5). For a JWS, signed is
// everything before the second dot, as received.
func (k *PublicKey) VerifyPS256(signed, signature []byte) error {
	// Checked before anything is computed: a shorter signature would be taken
	// as one with leading zeroes.
	if len(signature) != k.size {
		return ErrSignature
	}
	em, ok := k.raise(signature)
	if !ok || !consistent(sha256.Sum256(signed), em, k.key.N.BitLen()-1) {
		return ErrSignature
	}
	return nil
}

// raise returns s^E mod N in as many bytes as N has, and false when s is not
// below N (RFC 8017 section 5.2.2).
func (k *PublicKey) raise(s []byte) ([]byte, bool) {
	if k.modulus == nil {
		return k.raiseBig(s)
	}
	x, err := bigmod.NewNat().SetBytes(s, k.modulus)
	if err != nil {
		return nil, false
	}
	return bigmod.NewNat().ExpShortVarTime(x, uint(k.key.E), k.modulus).Bytes(k.modulus), true
}

func (k *PublicKey) raiseBig(s []byte) ([]byte, bool) {
	x := new(big.Int).SetBytes(s)
	if x.Cmp(k.key.N) >= 0 {
		return nil, false
	}
	x.Exp(x, big.NewInt(int64(k.key.E)), k.key.N)
	return x.FillBytes(make([]byte, k.size)), true
}

// consistent is EMSA-PSS-VERIFY (RFC 8017 section 9.1.2; the numbers are its
// steps) with SHA-256 and a salt of saltSize. em is as long as the modulus
// and is overwritten. minBits makes step 3 hold for every key.
func consistent(hash [sha256.Size]byte, em []byte, emBits int) bool {
	// The encoded message has a byte less than a modulus of 8n+1 bits
	// (section 8.1.2, step 2c).
	if emLen := (emBits + 7) / 8; emLen < len(em) {
		if em[0] != 0 {
			return false
		}
		em = em[1:]
	}
	unused := 8*len(em) - emBits
	last := len(em) - 1
	db, h := em[:last-sha256.Size], em[last-sha256.Size:last]
	if em[last] != 0xbc || db[0]>>(8-unused) != 0 { // 4, 6
		return false
	}
	unmask(db, h)           // 7, 8
	db[0] &= 0xff >> unused // 9
	padding, salt := db[:len(db)-saltSize], db[len(db)-saltSize:]
	if !padded(padding) { // 10
		return false
	}
	var m [8 + sha256.Size + saltSize]byte // 12
	copy(m[8:], hash[:])
	copy(m[8+sha256.Size:], salt)
	again := sha256.Sum256(m[:])                        // 13
	return subtle.ConstantTimeCompare(again[:], h) == 1 // 14
}

// padded tells whether b is zeroes and a one.
func padded(b []byte) bool {
	var other byte
	for _, c := range b[:len(b)-1] {
		other |= c
	}
	return other == 0 && b[len(b)-1] == 1
}

// unmask xors db with MGF1 of seed (RFC 8017 appendix B.2.1).
func unmask(db, seed []byte) {
	var block [sha256.Size + 4]byte
	copy(block[:], seed)
	for counter := uint32(0); len(db) > 0; counter++ {
		binary.BigEndian.PutUint32(block[sha256.Size:], counter)
		mask := sha256.Sum256(block[:])
		db = db[subtle.XORBytes(db, db, mask[:]):]
	}
}
