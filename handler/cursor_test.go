package handler

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cursorPath runs a recorder once over two messages and gives its cursor's path.
func cursorPath(t *testing.T, state string, o Options) string {
	t.Helper()
	mustClose(t, mustStart(t, &recorder{}, o))
	return filepath.Join(state, cursorFolder, cursorName("host", "recorder"))
}

// A cursor that is damaged stops the start, names the file and the way out, and is
// left as it is. It never begins anew by itself.
func TestDamagedCursor(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	o := options(t, q, state)
	path := cursorPath(t, state, o)
	good := readFile(t, path)
	for name, text := range map[string]string{
		"empty":       "",
		"zeroes":      strings.Repeat("\x00", len(good)),
		"cut":         good[:len(good)/2],
		"more":        good + good,
		"brace":       strings.TrimSpace(good) + "}",
		"no position": strings.Replace(good, `"position"`, `"positiom"`, 1),
		"left out":    strings.Replace(good, `"position":0,`, ``, 1),
		"negative":    strings.Replace(good, `"position":0`, `"position":-1`, 1),
		"trying":      strings.Replace(good, `"position":0`, `"position":7,"trying":3`, 1),
		"other":       strings.Replace(good, `"host"`, `"domain"`, 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Start(&recorder{}, o)
		if err == nil || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "or remove it") {
			t.Errorf("%s: %v", name, err)
		}
		if readFile(t, path) != text {
			t.Errorf("%s: the file was changed", name)
		}
		if c, err := ReadCursors(state); err == nil || len(c) != 0 {
			t.Errorf("%s: read %+v, %v", name, c, err)
		}
	}
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustStart(t, &recorder{}, o))
}

// A damaged cursor hides no other one.
func TestReadCursors(t *testing.T) {
	state := t.TempDir()
	if c, err := ReadCursors(state); err != nil || c != nil {
		t.Errorf("before the first start: %+v, %v", c, err)
	}
	q := mustOpen(t, state)
	o := options(t, q, state)
	path := cursorPath(t, state, o)
	for i := range 3 {
		o.Schema = fmt.Sprint("s", i)
		mustClose(t, mustStart(t, &recorder{}, o))
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := ReadCursors(state); len(c) != 3 || err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%+v, %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(state, "no"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCursors(filepath.Join(state, "no")); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A cursor beyond the queue's end belongs to another queue: what comes next there
// would be passed over in silence.
func TestCursorOfAnotherQueue(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	putIDs(t, q, "a", "b")
	path := cursorPath(t, state, options(t, q, state))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"queue.db", "queue.db-wal", "queue.db-shm"} {
		os.Remove(filepath.Join(state, file))
	}
	_, err := Start(&recorder{}, options(t, mustOpen(t, state), state))
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "at position 2 and the queue ends at 0") {
		t.Error(err)
	}
}

// By writing a lower position somebody has messages handled again.
func TestCursorSetBack(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	last := putIDs(t, q, "a", "b", "c")
	o := options(t, q, state)
	path := cursorPath(t, state, o)
	text := strings.Replace(readFile(t, path), `"position":3`, `"position":1`, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &recorder{}
	r := mustStart(t, h, o)
	untilPosition(t, r, last)
	if s := r.Status(); h.ids() != "b c" || s.State(2) != Done || s.State(1) != Earlier {
		t.Errorf("handled %s, %+v", h.ids(), s)
	}
}

// Names from a configuration never become part of a path, and what a killed
// writer left behind is removed.
func TestCursorFiles(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	o := options(t, q, state)
	o.Schema = "../../host"
	h := NewForward("../../x\x00/y", nil)
	mustClose(t, mustStart(t, h, o))
	folder := filepath.Join(state, cursorFolder)
	path := filepath.Join(folder, cursorName(o.Schema, h.Name()))
	if err := os.WriteFile(filepath.Join(folder, "."+filepath.Base(path)+"12345"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustStart(t, h, o))
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Error(entries, err)
	}
	for path, mode := range map[string]fs.FileMode{folder: 0o700, path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Error(path, info.Mode(), err)
		}
	}
	if cursorName("a", "b") == cursorName("ab", "") || cursorName("a", "b") == cursorName("b", "a") {
		t.Error("two handlers, one cursor")
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add([]byte(`{"schema":"host","handler":"file /x","first":0,"position":7,"trying":8,"tries":2,"last_error":"e","saved_at":"2026-11-20T12:00:00Z"}`))
	f.Add([]byte(`{"first":0,"position":-7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := parseCursor(text); err == nil && (c.Position < 0 || c.First < 0 || c.Tries < 0) {
			t.Errorf("%+v", c)
		}
	})
}
