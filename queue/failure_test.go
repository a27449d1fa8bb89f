package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// fill puts messages of 16 KiB until one fails, and returns how many were stored.
func fill(t *testing.T, q *Queue, name string) (stored int) {
	t.Helper()
	for ; stored < 10000; stored++ {
		m := message(fmt.Sprint(name, stored))
		m.Sender = fmt.Sprint("sender ", stored)
		m.Frame = make([]byte, 16<<10)
		s := put(t, q, m)
		if s.Err == nil {
			continue
		}
		var e sqlite3.Error
		if !errors.As(s.Err, &e) || e.Code != sqlite3.ErrFull {
			t.Fatalf("put %d: %v", stored, s.Err)
		}
		return stored
	}
	t.Fatal("never full")
	return 0
}

// checkRecovers fills the disk, gives room, and sees that what failed can be put again.
func checkRecovers(t *testing.T, folder string, q *Queue, giveRoom func() error) {
	t.Helper()
	stored := fill(t, q, "m")
	failed := message(fmt.Sprint("m", stored))
	failed.Sender = fmt.Sprint("sender ", stored)
	answer := make(chan error, 1)
	letter := DeadLetter{Frame: make([]byte, 64<<10)}
	if err := q.Bury(letter, func(err error) { answer <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err == nil {
		t.Error("a dead letter was kept on a full disk")
	}
	if err := q.Err(); err != nil {
		t.Fatal("broken by a full disk:", err)
	}
	if err := giveRoom(); err != nil {
		t.Fatal(err)
	}
	if p := mustPut(t, q, failed); p != int64(stored)+1 {
		t.Errorf("the failed one is now at %d, want %d", p, stored+1)
	}
	bury(t, q, letter)
	mustClose(t, q)
	r := mustRead(t, folder)
	checkFile(t, r)
	all, err := r.Messages(t.Context(), Filter{Limit: maxPage})
	if err != nil || len(all) != stored+1 {
		t.Errorf("%d messages, %v, want %d", len(all), err, stored+1)
	}
	for i, m := range all {
		if m.Sender != fmt.Sprint("sender ", i) {
			t.Fatalf("message %d is of %s", i, m.Sender)
		}
	}
}

func TestFullFile(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	if err := q.writer.run("PRAGMA max_page_count = 100"); err != nil {
		t.Fatal(err)
	}
	checkRecovers(t, folder, q, func() error { return q.writer.run("PRAGMA max_page_count = 100000") })
}

func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("needs root to mount a small disk:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("disk", func(t *testing.T) { // closes all before the disk goes
		folder := filepath.Join(disk, "state")
		checkRecovers(t, folder, mustOpen(t, folder, Options{}), func() error { return os.Remove(ballast) })
	})
}

// A queue whose file fails says so once for all, answers everybody, and still closes.
func TestBroken(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	release := hold(t, q)
	answers := make(chan Stored, 2)
	for i := range 2 {
		if err := q.Put(message(fmt.Sprint(i)), func(s Stored) { answers <- s }); err != nil {
			t.Fatal(err)
		}
	}
	q.writer.conn.Close() // stands in for an error that leaves doubt
	release()
	for range 2 {
		if s := <-answers; s.Err == nil || s.Position != 0 {
			t.Errorf("%+v", s)
		}
	}
	<-q.Broken()
	if err := q.Err(); !errors.Is(err, ErrBroken) {
		t.Errorf("Err: %v", err)
	}
	if err := q.Put(message("later"), nil); !errors.Is(err, ErrBroken) {
		t.Errorf("put: %v", err)
	}
	q.Close()
	if _, err := Open(q.folder(), Options{}); err != nil {
		t.Error("opening again:", err)
	}
}

// The write lock held by another program is waited for, then an error, then over.
func TestFileLockedByAnotherProgram(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	if err := q.writer.run("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	other, err := open(t.Context(), folder, "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if s := put(t, q, message("a")); s.Err == nil || q.Err() != nil {
		t.Errorf("%+v, %v", s, q.Err())
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	mustPut(t, q, message("a"))
}
