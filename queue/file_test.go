package queue

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An acknowledgement rests on these.
func TestWriterIsDurable(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "page_size": "4096", "user_version": "4"} {
		var got string
		if err := q.writer.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", pragma, got, err, want)
		}
	}
	purger, err := open(t.Context(), q.folder(), "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer purger.Close()
	var synchronous int
	if err := purger.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous); err != nil || synchronous != 2 {
		t.Errorf("purging is synchronous=%d, %v", synchronous, err)
	}
}

func (q *Queue) folder() string { return filepath.Dir(q.lock.Name()) }

func TestModes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	q := mustOpen(t, folder, Options{})
	mustPut(t, q, message("a"))
	for name, want := range map[string]os.FileMode{".": 0o700, "lock": 0o600, "queue.db": 0o600, "queue.db-wal": 0o600, "queue.db-shm": 0o600} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
	mustClose(t, q)
	if err := os.Chmod(filepath.Join(folder, "queue.db"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, folder, Options{})
	if info, err := os.Stat(filepath.Join(folder, "queue.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file that was too open: %v, %v", info.Mode(), err)
	}
}

func TestRefusedFolders(t *testing.T) {
	write := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	change := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			q := mustOpen(t, folder, Options{})
			if err := q.writer.run(statement); err != nil {
				t.Fatal(err)
			}
			mustClose(t, q)
		}
	}
	for _, c := range []struct {
		name    string
		prepare func(*testing.T, string)
		want    []string
	}{
		{"newer", change("PRAGMA user_version = 99"), []string{"newer cf-messaged", "format 99", "knows 4"}},
		{"another program's", change("PRAGMA application_id = 1"), []string{"not a queue of cf-messaged", "move it away"}},
		{"no database", write(fileName, strings.Repeat("this is text, no database\n", 100)), []string{"not a database"}},
		{"open to everybody", func(t *testing.T, folder string) { os.Chmod(folder, 0o777) }, []string{"written by everybody", "chmod 700"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			c.prepare(t, folder)
			for range 2 { // the lock is not kept either
				_, err := Open(folder, Options{})
				for _, want := range append(c.want, folder) {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("got %v, want %q in it", err, want)
					}
				}
			}
		})
	}
}

func TestTwoListenersOnOneState(t *testing.T) {
	folder := t.TempDir()
	first := mustOpen(t, folder, Options{})
	_, err := Open(folder, Options{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), folder) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	mustPut(t, first, message("still works"))
	mustClose(t, first)
	mustOpen(t, folder, Options{})
}

// The checkpoint keeps the WAL short and does not lose anything.
func TestCheckpoint(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	for i := range 64 {
		m := message(fmt.Sprint(i))
		m.Frame = bytes.Repeat([]byte{byte(i)}, 1<<20)
		mustPut(t, q, m)
	}
	info, err := os.Stat(filepath.Join(folder, "queue.db-wal"))
	if err != nil || info.Size() > 32<<20 {
		t.Errorf("the WAL has %d bytes after 64 MiB, %v", info.Size(), err)
	}
	mustClose(t, q)
	if _, err := os.Stat(filepath.Join(folder, "queue.db-wal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the WAL is there after Close: %v", err)
	}
	if c, err := mustRead(t, folder).Counts(t.Context()); err != nil || c.Messages != 64 {
		t.Errorf("%+v, %v", c, err)
	}
}
