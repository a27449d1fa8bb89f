package plan

import (
	_ "embed"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

// found are those of a fuzzer's that it found something new by.
//
//go:embed testdata/choices.hex
var found string

// FuzzPlan: of schemas and contents that are made of the fuzzer's bytes, the
// plan never says what the validator does not.
func FuzzPlan(f *testing.F) {
	for line := range strings.Lines(found) {
		seed, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, choices []byte) { try(t, choices) })
}

// try gives how many contents were tried, and how many the plan decided.
func try(t *testing.T, choices []byte) (tried, decided int) {
	g := &generator{choices: choices}
	schema := []byte(g.document())
	v, err := newValidator(schema)
	if err != nil {
		return 0, 0
	}
	for range 4 {
		tried++
		if agree(t, schema, v, g.spoil(g.content(3))) {
			decided++
		}
	}
	return tried, decided
}

// TestGenerated tries the same without the fuzzer; and most must be decided, or
// it tries nothing.
func TestGenerated(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	tried, decided := 0, 0
	for range 1500 {
		choices := make([]byte, 20+random.IntN(300))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		n, d := try(t, choices)
		tried, decided = tried+n, decided+d
	}
	t.Logf("%d of %d decided", decided, tried)
	if tried < 1500 || decided*10 < tried*6 {
		t.Errorf("%d of %d decided", decided, tried)
	}
}
