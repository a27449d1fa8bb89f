package main

import "testing"

// Each key is another one, and signs.
func TestSwarmKeys(t *testing.T) {
	const n = 3
	keys, err := newSwarmKeys(t.Context(), n)
	if err != nil || len(keys.primes) != 3 {
		t.Fatalf("%d primes for %d keys, %v", len(keys.primes), n, err)
	}
	seen := map[string]bool{}
	for i := range n {
		pair, err := keys.pair(i)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := pair.SignPS256([]byte("said"))
		if err == nil {
			err = pair.Public().VerifyPS256([]byte("said"), signature)
		}
		if err != nil || seen[string(pair.Digest())] || pair.Public().RSA().N.BitLen() != 2048 {
			t.Errorf("key %d of %d bits, seen: %t, %v", i, pair.Public().RSA().N.BitLen(), seen[string(pair.Digest())], err)
		}
		seen[string(pair.Digest())] = true
	}
}

func TestPlans(t *testing.T) {
	for words, want := range map[string]int{"": 10_000, "--quick": 1500, "--full": 100_000} {
		var args []string
		if words != "" {
			args = []string{words}
		}
		if o, err := parseOptions(args); err != nil || o.Nodes != want || o.all == 0 {
			t.Errorf("%q: %d nodes, expected %d: %v", words, o.Nodes, want, err)
		}
	}
	if _, err := parseOptions([]string{"--quick", "--full"}); err == nil {
		t.Error("--quick and --full at once are no error")
	}
}
