package hostkey_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func BenchmarkLookup(b *testing.B) {
	trust := manyKeys(b, 1000)
	d := trust.Keys()[500].Key.Digest()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := trust.Lookup(d); !ok {
				b.Error("not trusted")
			}
		}
	})
}

// manyKeys opens a folder of n keys of 2048 bits. They are no product of two
// primes, which nothing here asks for.
func manyKeys(b *testing.B, n int) *hostkey.Trust {
	b.Helper()
	dir := b.TempDir()
	k := mustPair(b, "rsa2048").Public().RSA()
	for i := range n {
		k.N.Sub(k.N, big.NewInt(2))
		data := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(k)})
		mustWrite(b, filepath.Join(dir, fmt.Sprintf("root-%d.pub", i)), data)
	}
	trust, err := hostkey.OpenTrust(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { trust.Close() })
	return trust
}

func BenchmarkReload(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		trust := manyKeys(b, n)
		// In this order: what was found old once is not read again.
		for _, c := range []struct {
			kind  string
			later time.Duration
		}{{"all read", -time.Hour}, {"unchanged", time.Hour}} {
			b.Run(fmt.Sprintf("%d/%s", n, c.kind), func(b *testing.B) {
				trust.Later(c.later)
				if err := trust.Reload(); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := trust.Reload(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
