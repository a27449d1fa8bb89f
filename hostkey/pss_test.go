package hostkey_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

var signed = []byte("eyJhbGciOiJQUzI1NiJ9.eyJob3N0Ijp7fX0")

// reference is what crypto/rsa says.
func reference(k *rsa.PublicKey, signed, signature []byte) bool {
	hash := sha256.Sum256(signed)
	return rsa.VerifyPSS(k, crypto.SHA256, hash[:], signature, &rsa.PSSOptions{SaltLength: 32}) == nil
}

// agree checks that both implementations say the same, and returns it.
func agree(t *testing.T, k *hostkey.PublicKey, signed, signature []byte, what string) bool {
	t.Helper()
	err := k.VerifyPS256(signed, signature)
	want := reference(k.RSA(), signed, signature)
	if (err == nil) != want {
		t.Errorf("%s: VerifyPS256 says %v, crypto/rsa %t (%d bits, signature %x)", what, err, want, k.RSA().N.BitLen(), signature)
	}
	if err != nil && !errors.Is(err, hostkey.ErrSignature) {
		t.Errorf("%s: %v is not ErrSignature", what, err)
	}
	return want
}

func TestPS256(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			pair := mustPair(t, name)
			for range 8 {
				signature, err := pair.SignPS256(signed)
				if err != nil {
					t.Fatal(err)
				}
				if !agree(t, pair.Public(), signed, signature, "own signature") {
					t.Fatal("own signature is refused")
				}
			}
			checkMutations(t, pair)
			if name != "rsa8192" { // as rsa4096, and slow to sign with
				checkEncodings(t, pair)
			}
		})
	}
}

// Every remainder of the size by 8, with the two kinds of length that an
// encoded message has beside its modulus.
func TestPS256Sizes(t *testing.T) {
	for bits := 1024; bits < 1042; bits++ {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		pair := pairOf(t, k)
		for i := range 16 {
			text := fmt.Appendf(nil, "message %d", i)
			signature, err := pair.SignPS256(text)
			if err != nil {
				t.Fatal(err)
			}
			if !agree(t, pair.Public(), text, signature, "own signature") {
				t.Fatalf("%d bits: own signature is refused", bits)
			}
		}
		checkMutations(t, pair)
		checkEncodings(t, pair)
	}
}

// checkMutations changes a good signature in transit.
func checkMutations(t *testing.T, pair *hostkey.Pair) {
	t.Helper()
	k := pair.Public()
	good, err := pair.SignPS256(signed)
	if err != nil {
		t.Fatal(err)
	}
	n := k.RSA().N
	size := k.RSA().Size()
	s := new(big.Int).SetBytes(good)
	bad := map[string][]byte{
		"empty":            nil,
		"a byte short":     good[1:],
		"a byte cut":       good[:size-1],
		"a zero before":    append([]byte{0}, good...),
		"a zero behind":    append(bytes.Clone(good), 0),
		"zero":             make([]byte, size),
		"one":              new(big.Int).SetInt64(1).FillBytes(make([]byte, size)),
		"N":                n.FillBytes(make([]byte, size)),
		"N-1":              new(big.Int).Sub(n, big.NewInt(1)).FillBytes(make([]byte, size)),
		"N-s":              new(big.Int).Sub(n, s).FillBytes(make([]byte, size)),
		"all ones":         bytes.Repeat([]byte{0xff}, size),
		"another's":        bytes.Repeat([]byte{0x11}, size),
		"longer than most": bytes.Repeat([]byte{1}, 5000),
	}
	if more := new(big.Int).Add(s, n); more.BitLen() <= 8*size {
		bad["s+N"] = more.FillBytes(make([]byte, size))
	}
	for i := range 40 {
		changed := bytes.Clone(good)
		changed[i*(size-1)/39] ^= 1 << (i % 8)
		bad[fmt.Sprintf("bit %d of byte %d", i%8, i*(size-1)/39)] = changed
	}
	for what, signature := range bad {
		if agree(t, k, signed, signature, what) {
			t.Errorf("%s: taken", what)
		}
	}
	if agree(t, k, append(bytes.Clone(signed), '.'), good, "another text") || agree(t, k, nil, good, "no text") {
		t.Error("the signature of another text is taken")
	}
}

// checkEncodings signs messages that were encoded otherwise than PS256 wants:
// these pass the arithmetic and must fall to the padding's rules.
func checkEncodings(t *testing.T, pair *hostkey.Pair) {
	t.Helper()
	k := pair.Public()
	hash := sha256.Sum256(signed)
	for _, salt := range []int{1, 20, 31, 33, 48} {
		signature, err := rsa.SignPSS(rand.Reader, pair.RSA(), crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if agree(t, k, signed, signature, fmt.Sprintf("salt of %d", salt)) {
			t.Errorf("a salt of %d bytes is taken", salt)
		}
	}
	pkcs1, err := rsa.SignPKCS1v15(nil, pair.RSA(), crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	if agree(t, k, signed, pkcs1, "RS256") {
		t.Error("a signature RS256 is taken")
	}
	good, err := pair.SignPS256(signed)
	if err != nil {
		t.Fatal(err)
	}
	step := 1 + len(good)*len(good)/8192 // large keys are slow
	for at := 0; at < len(good); at += step {
		em := encoded(k, good)
		em[at] ^= 0x80
		if agree(t, k, signed, unencoded(pair, em), fmt.Sprintf("byte %d of the encoding", at)) {
			t.Errorf("a changed byte %d of the encoding is taken", at)
		}
	}
	if em := firstByteSet(t, pair); em != nil && agree(t, k, signed, unencoded(pair, em), "first byte") {
		t.Error("an encoding with a byte too much is taken")
	}
	em := encoded(k, good)
	em[len(em)-1] = 0xcc
	agree(t, k, signed, unencoded(pair, em), "another trailer")
	agree(t, k, signed, unencoded(pair, make([]byte, len(em))), "zeroes")
}

// firstByteSet is an encoding that would be good, were it not for a 1 in the
// byte that a modulus of 8n+1 bits has more than its encoding: nil for another
// modulus, or where chance gives none below it.
func firstByteSet(t *testing.T, pair *hostkey.Pair) []byte {
	t.Helper()
	n := pair.RSA().N
	if n.BitLen()%8 != 1 {
		return nil
	}
	for range 40 {
		signature, err := pair.SignPS256(signed)
		if err != nil {
			t.Fatal(err)
		}
		em := encoded(pair.Public(), signature)
		em[0] = 1
		if new(big.Int).SetBytes(em).Cmp(n) < 0 {
			return em
		}
	}
	return nil
}

// encoded is the encoded message within a signature.
func encoded(k *hostkey.PublicKey, signature []byte) []byte {
	r := k.RSA()
	x := new(big.Int).SetBytes(signature)
	return x.Exp(x, big.NewInt(int64(r.E)), r.N).FillBytes(make([]byte, r.Size()))
}

// unencoded is the signature that holds em, less a multiple of the modulus.
func unencoded(pair *hostkey.Pair, em []byte) []byte {
	r := pair.RSA()
	x := new(big.Int).SetBytes(em)
	return x.Exp(x, r.D, r.N).FillBytes(make([]byte, r.Size()))
}

func FuzzVerifyPS256(f *testing.F) {
	pairs := map[string]*hostkey.Pair{}
	sizes := []string{"rsa1024", "rsa2041", "rsa2047", "rsa2049"}
	for i, name := range sizes {
		pairs[name] = mustPair(f, name)
		good, err := pairs[name].SignPS256(signed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), false, signed, good)
		f.Add(byte(i), true, signed, encoded(pairs[name].Public(), good))
	}
	f.Fuzz(func(t *testing.T, which byte, inner bool, text, signature []byte) {
		pair := pairs[sizes[int(which)%len(sizes)]]
		if inner { // the bytes are what the signature holds
			signature = unencoded(pair, signature)
		}
		agree(t, pair.Public(), text, signature, "fuzzed")
	})
}

func BenchmarkVerifyPS256(b *testing.B) {
	for _, name := range []string{"rsa1024", "rsa2048", "old35", "rsa3072", "rsa4096", "rsa8192"} {
		pair := mustPair(b, name)
		text := bytes.Repeat([]byte("x"), 400)
		signature, err := pair.SignPS256(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/prepared", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := pair.Public().VerifyPS256(text, signature); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/crypto-rsa", func(b *testing.B) {
			b.ReportAllocs()
			k := pair.Public().RSA()
			for b.Loop() {
				if !reference(k, text, signature) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkVerifyPS256Parallel(b *testing.B) {
	pair := mustPair(b, "rsa2048")
	signature, err := pair.SignPS256(signed)
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if pair.Public().VerifyPS256(signed, signature) != nil {
				b.Error("refused")
			}
		}
	})
}

func BenchmarkSignPS256(b *testing.B) {
	pair := mustPair(b, "rsa2048")
	for b.Loop() {
		if _, err := pair.SignPS256(signed); err != nil {
			b.Fatal(err)
		}
	}
}
