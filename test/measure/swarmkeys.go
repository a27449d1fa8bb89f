package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// swarmKeys makes RSA keys by the thousand: each product of two primes is one, so
// 450 primes are 101,025. Whoever has two such keys can factor both: they are good
// for a measurement and nothing else.
type swarmKeys struct{ primes []*big.Int }

const exponent = 65537

func newSwarmKeys(ctx context.Context, n int) (k swarmKeys, err error) {
	count := 2
	for count*(count-1)/2 < n {
		count++
	}
	k.primes = make([]*big.Int, count)
	var g errgroup.Group
	g.SetLimit(cores())
	for i := range k.primes {
		g.Go(func() (err error) {
			progress("primes", i+1, count)
			k.primes[i], err = newPrime(ctx)
			return err
		})
	}
	return k, g.Wait()
}

// newPrime has its two highest bits set, so that a product has 2048.
func newPrime(ctx context.Context) (*big.Int, error) {
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil || ctx.Err() != nil {
			return nil, fmt.Errorf("a prime: %w", cmp.Or(err, ctx.Err()))
		}
		rest := new(big.Int).Sub(p, big.NewInt(1))
		if rest.Mod(rest, big.NewInt(exponent)).Sign() != 0 {
			return p, nil
		}
	}
}

// pair is the i-th: of the j-th prime and an earlier one.
func (k swarmKeys) pair(i int) (*hostkey.Pair, error) {
	j := 1
	for i >= j {
		i -= j
		j++
	}
	p, q, one := k.primes[i], k.primes[j], big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
		D:         new(big.Int).ModInverse(big.NewInt(exponent), phi), Primes: []*big.Int{p, q},
	}
	key.Precompute()
	return hostkey.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// trust puts a key where a listener looks for those it trusts.
func trust(folder string, key *hostkey.PublicKey) error {
	return os.WriteFile(filepath.Join(folder, fmt.Sprintf("root-%s.pub", key.Digest())), key.PEM(), 0o600)
}
