package queue

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// Another file's connection reads the log in SQL, sees what comes, and cannot write it.
func TestAttach(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a folder? yes")
	q := mustOpen(t, folder, Options{})
	other, err := sqlite.File{Name: "other.db", What: "other", ApplicationID: 1, Formats: []string{"CREATE TABLE t (x)"}, Synchronous: sqlite.Normal}.Make(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := Attach(t.Context(), other, t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
	t.Chdir(filepath.Dir(folder))
	if err := Attach(t.Context(), other, filepath.Base(folder)); err != nil {
		t.Fatal(err)
	}
	mustPut(t, q, message("a"))
	var id, sender string
	var frame []byte
	if err := other.QueryRowContext(t.Context(), "SELECT message_id, sender, frame FROM _queue WHERE position = 1").Scan(&id, &sender, &frame); err != nil {
		t.Fatal(err)
	}
	if want := message("a"); id != "a" || sender != want.Sender || string(frame) != string(want.Frame) {
		t.Errorf("%s of %s: %q", id, sender, frame)
	}
	if err := other.Run("DELETE FROM _log.messages"); err == nil {
		t.Error("written to")
	}
}
