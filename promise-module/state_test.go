package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStateIsForRootAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	file := filepath.Join(folder, "c.json")
	if err := writeDurably(file, []byte("1")); err != nil {
		t.Fatal(err)
	}
	modes(t, filepath.Dir(folder), 0o700, folder, 0o700, file, 0o600)
	// A file that somebody opened up is closed again with the next write.
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := writeDurably(file, []byte("2")); err != nil {
		t.Fatal(err)
	}
	modes(t, file, 0o600)
}

// Neither a reader nor a second writer ever sees half a file, and nothing is
// left beside it.
func TestWritesAreWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	texts := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	if err := writeDurably(file, []byte(texts[0])); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	done := make(chan struct{})
	for _, text := range texts {
		writers.Go(func() {
			for range 20 {
				if err := writeDurably(file, []byte(text)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if text := mustRead(t, file); text != texts[0] && text != texts[1] {
			t.Fatalf("read %d bytes of another text", len(text))
		}
	}
	if left := filesBelow(t, filepath.Dir(file)); len(left) != 1 {
		t.Errorf("beside it lies %v", left)
	}
}

func TestAWriteThatFailsLeavesTheOldFile(t *testing.T) {
	folder := t.TempDir()
	inTheWay := filepath.Join(folder, "file")
	mustWrite(t, inTheWay, []byte("old"))
	mustFail(t, writeDurably(filepath.Join(inTheWay, "x.json"), []byte("new")), inTheWay)
	target := filepath.Join(folder, "folder")
	mustWrite(t, filepath.Join(target, "x"), nil)
	mustFail(t, writeDurably(target, []byte("new")), target)
	if left := filesBelow(t, folder); len(left) != 3 {
		t.Errorf("there is %v", left)
	}
	if mustRead(t, inTheWay) != "old" {
		t.Error("the old file was changed")
	}
}

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
