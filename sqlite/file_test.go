package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var one = File{Name: "one.db", What: "queue", ApplicationID: 1, Formats: []string{"CREATE TABLE a (n INTEGER)"}, Synchronous: Normal, CacheKiB: 1024}

func mustMake(t *testing.T, f File, folder string) *Conn {
	t.Helper()
	c, err := f.Make(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestMakeAndUpgrade(t *testing.T) {
	folder := t.TempDir()
	if _, err := one.Open(t.Context(), folder, "ro"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening what is not there: %v", err)
	}
	c := mustMake(t, one, folder)
	if err := c.Run("INSERT INTO a VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(folder, one.Name)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	two := one
	two.Formats, two.Synchronous = append(two.Formats, "ALTER TABLE a ADD COLUMN m INTEGER"), Full
	if _, err := two.Open(t.Context(), folder, "ro"); err == nil || !strings.Contains(err.Error(), "start the listener once") {
		t.Errorf("reading an older format: %v", err)
	}
	c = mustMake(t, two, folder)
	var n, synchronous int
	if err := c.QueryRowContext(t.Context(), "SELECT n FROM a WHERE m IS NULL").Scan(&n); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	if err := c.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous); err != nil || synchronous != Full {
		t.Errorf("synchronous %d, %v", synchronous, err)
	}
	if _, err := one.Open(t.Context(), folder, "ro"); err == nil || !strings.Contains(err.Error(), "newer cf-messaged") {
		t.Errorf("reading a newer format: %v", err)
	}
	other := two
	other.ApplicationID, other.What = 2, "truth"
	if _, err := other.Make(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "not a truth of cf-messaged") {
		t.Errorf("another kind of file: %v", err)
	}
	reader, err := two.Open(t.Context(), folder, "ro")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Run("INSERT INTO a VALUES (8, 8)"); err == nil {
		t.Error("a reader writes")
	}
}

func TestRollBack(t *testing.T) {
	c := mustMake(t, one, t.TempDir())
	cause := errors.New("cause")
	for _, begun := range []string{"BEGIN; INSERT INTO a VALUES (1)", "SELECT 1"} { // in a transaction, and in none
		if err := c.Run(begun); err != nil {
			t.Fatal(err)
		}
		if err := c.RollBack(cause); err != cause {
			t.Errorf("%s: %v", begun, err)
		}
	}
	var n int
	if err := c.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}
