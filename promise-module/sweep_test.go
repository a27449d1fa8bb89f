package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What a killed module was writing does not stay for ever; what another one is
// writing now does, and so does everything else.
func TestTornWritesAreSwept(t *testing.T) {
	state := t.TempDir()
	now := time.Now()
	var want []string
	for _, folder := range []string{"delivered", "outbox", "views", ""} {
		for name, age := range map[string]time.Duration{".a.json1": 2 * tornAfter, ".b.json2": tornAfter / 2, "c.json": 2 * tornAfter} {
			file := filepath.Join(state, folder, name)
			mustWrite(t, file, nil)
			if err := os.Chtimes(file, now, now.Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, folder, filepath.Join(folder, ".b.json2"), filepath.Join(folder, "c.json"))
	}
	sweep(state, now)
	sweep(filepath.Join(state, "nowhere"), now)
	got := append(filesBelow(t, state), "") // the state itself
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}
