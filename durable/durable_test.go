package durable

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	file := filepath.Join(folder, "c.json")
	if err := Write(file, []byte("1")); err != nil {
		t.Fatal(err)
	}
	modes(t, filepath.Dir(folder), 0o700, folder, 0o700, file, 0o600)
	// A file that somebody opened up is closed again with the next write.
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, []byte("2")); err != nil {
		t.Fatal(err)
	}
	modes(t, file, 0o600)
}

// Neither a reader nor a second writer ever sees half a file, and nothing is
// left beside it.
func TestWritesAreWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	texts := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	if err := Write(file, []byte(texts[0])); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	done := make(chan struct{})
	for _, text := range texts {
		writers.Go(func() {
			for range 20 {
				if err := Write(file, []byte(text)); err != nil {
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
	mustFail(t, Write(filepath.Join(inTheWay, "x.json"), []byte("new")), inTheWay)
	target := filepath.Join(folder, "folder")
	mustWrite(t, filepath.Join(target, "x"), nil)
	mustFail(t, Write(target, []byte("new")), target)
	if left := filesBelow(t, folder); len(left) != 3 {
		t.Errorf("there is %v", left)
	}
	if mustRead(t, inTheWay) != "old" {
		t.Error("the old file was changed")
	}
}

// Of several that lock the same file one holds it at a time; who waits too long
// is told who has it.
func TestLock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made", "x.lock")
	var holders sync.WaitGroup
	var held atomic.Int32 // the race detector sees no flock(2)
	for range 8 {
		holders.Go(func() {
			unlock, err := Lock(t.Context(), file)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if held.Add(1) != 1 {
				t.Error("two hold it")
			}
			time.Sleep(time.Millisecond)
			held.Add(-1)
		})
	}
	holders.Wait()
	unlock, err := Lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Lock(ctx, file)
	mustFail(t, err, file, "fuser", "deadline")
}

func modes(t *testing.T, of ...any) {
	t.Helper()
	for i := 0; i < len(of); i += 2 {
		info, err := os.Stat(of[i].(string))
		if err != nil {
			t.Fatal(err)
		}
		if want := fs.FileMode(of[i+1].(int)); info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", of[i], info.Mode().Perm(), want)
		}
	}
}

func filesBelow(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if path != folder {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustWrite(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustFail(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, expected one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v, expected it to say %q", err, word)
		}
	}
}

// A lock file that stays open is held and released again and again, and says when
// others would lock another one.
func TestLockFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "folder", "lock")
	one, err := OpenLock(file)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	other, err := OpenLock(file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if err := one.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Hold(over); !errors.Is(err, context.Canceled) {
			t.Errorf("a lock that is held: %v", err)
		}
		if err := one.Release(); err != nil {
			t.Fatal(err)
		}
		if err := other.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if !one.Stands() {
		t.Error("it does not stand")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if one.Stands() {
		t.Error("it stands although its name is gone")
	}
}
