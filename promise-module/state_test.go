package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
