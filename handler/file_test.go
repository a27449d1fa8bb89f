package handler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/queue"
)

func mustFile(tb testing.TB, path string) *File {
	tb.Helper()
	f, err := NewFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

func mustHandle(tb testing.TB, h Handler, frame string) {
	tb.Helper()
	if err := h.Handle(tb.Context(), queue.Message{Frame: []byte(frame)}); err != nil {
		tb.Fatal(err)
	}
}

// The line is the container as received, out of its envelope; only line ends go.
func TestFileLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.jsonl")
	f := mustFile(t, path)
	for _, frame := range []string{
		`{"host": {"a" :1.0,"<&>":"\u00e9"}}`,
		"e30.eyJob3N0IjogMX0.c2ln", // {"host": 1}
		"{\r\n  \"host\": {\n\t\"x\": \"a\\nb  <\" } }\n",
	} {
		mustHandle(t, f, frame)
	}
	want := []string{`{"host": {"a" :1.0,"<&>":"\u00e9"}}`, `{"host": 1}`, `{"host":{"x":"a\nb  <"}}`}
	if got := lines(t, path); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Error(info.Mode(), err)
	}
}

func TestFileRefusesWhatHoldsNoContainer(t *testing.T) {
	f := mustFile(t, filepath.Join(t.TempDir(), "f"))
	for _, frame := range []string{"", "a.b", "a.b.c.d.e", "{\n"} {
		if err := f.Handle(t.Context(), queue.Message{Frame: []byte(frame)}); !IsPermanent(err) {
			t.Errorf("%q: %v", frame, err)
		}
	}
}

// Each refusal names the way out.
func TestNewFileRefuses(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"host.jsonl":                        "name the whole path",
		filepath.Join(folder, "no", "file"): "mkdir -p " + filepath.Join(folder, "no"),
		fifo:                                "not a regular file",
		folder:                              "not a regular file",
	} {
		if _, err := NewFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A folder that goes while the listener runs: the way out, and no lost line once
// it is back.
func TestFileFolderGoes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "f")
	f := mustFile(t, path)
	mustHandle(t, f, "{1}")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	err := f.Handle(t.Context(), queue.Message{Frame: []byte("{2}")})
	if err == nil || IsPermanent(err) || !strings.Contains(err.Error(), "mkdir -p "+folder) {
		t.Error(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	mustHandle(t, f, "{2}")
	if got := lines(t, path); !slices.Equal(got, []string{"{2}"}) {
		t.Errorf("%q", got)
	}
}

// A crash in the middle of a line leaves it without its newline.
func TestFileEndsATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("{whole}\n{to"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := mustFile(t, path)
	mustHandle(t, f, "{a}")
	mustHandle(t, f, "{b}")
	if got := lines(t, path); !slices.Equal(got, []string{"{whole}", "{to", "{a}", "{b}"}) {
		t.Errorf("%q", got)
	}
}

// Where only part of a line could be written, the part is taken back.
func TestFileTakesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := mustFile(t, path)
	mustHandle(t, f, "{a}")
	if _, err := f.file.WriteString("{par"); err != nil {
		t.Fatal(err)
	}
	if err := f.takeBack(4, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := f.file.WriteString("{par and of another program"); err != nil {
		t.Fatal(err)
	}
	if err := f.takeBack(4, 4); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, path); !slices.Equal(got, []string{"{a}", "{par and of another program"}) {
		t.Errorf("%q", got)
	}
}

// Moved, removed, replaced, or told by SIGHUP: the next line goes to the path.
func TestFileReopens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := mustFile(t, path)
	mustHandle(t, f, "{1}")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	mustHandle(t, f, "{2}")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mustHandle(t, f, "{3}")
	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{new}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustHandle(t, f, "{4}")
	if err := f.Reopen(); err != nil || f.file != nil {
		t.Error(err, f.file)
	}
	mustHandle(t, f, "{5}")
	if got := lines(t, path+".1", path+".2", path); !slices.Equal(got, []string{"{1}", "{3}", "{new}", "{4}", "{5}"}) {
		t.Errorf("%q", got)
	}
}

// An fsync that fails is told by the next Flush, even when the file is closed since.
func TestFileFlushTells(t *testing.T) {
	f := mustFile(t, filepath.Join(t.TempDir(), "f"))
	mustHandle(t, f, "{1}")
	f.file.Close() // fsync fails on a closed file
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	mustHandle(t, f, "{2}")
	if err := f.Flush(); err == nil {
		t.Error("a failed fsync went untold")
	}
	if err := f.Flush(); err != nil {
		t.Error(err)
	}
	f.file.Close()
	if err := f.Flush(); err == nil || f.file != nil {
		t.Error(err, f.file)
	}
}

// Several handlers, as of several feeds, may name one file: no line is cut by
// another, however long.
func TestFileShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var writers sync.WaitGroup
	for w := range 4 {
		f := mustFile(t, path)
		writers.Go(func() {
			for i := range 50 {
				frame := fmt.Sprintf(`{"%d.%d":"%s"}`, w, i, strings.Repeat(fmt.Sprint(w), 20_000))
				if err := f.Handle(t.Context(), queue.Message{Frame: []byte(frame)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	got := lines(t, path)
	for _, line := range got {
		var w, i int
		if n, err := fmt.Sscanf(line, `{"%d.%d":"`, &w, &i); n != 2 || !strings.HasSuffix(line, strings.Repeat(fmt.Sprint(w), 20_000)+`"}`) {
			t.Fatalf("%.50q of %d bytes: %v", line, len(line), err)
		}
	}
	if len(got) != 200 {
		t.Errorf("%d lines", len(got))
	}
}

// Whoever holds the file's lock for long costs tries, and not the handler's life.
func TestFileLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, other := mustFile(t, path), mustFile(t, path)
	if err := other.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Handle(ctx, stored("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := other.unlock(); err != nil {
		t.Fatal(err)
	}
	mustHandle(t, f, "{a}")
	if got := lines(t, path); !slices.Equal(got, []string{"{a}"}) {
		t.Errorf("%q", got)
	}
}
