package truth

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// shown are what a file holds, by the names that it had before texts had numbers.
var shown = []string{"_meta", "_latest", "_history", "_unique", "_senders", "_skipped"}

// A file of the format in which each row had its texts holds the same afterwards,
// and goes on from there: what is said again is no change.
func TestUpgraded(t *testing.T) {
	s := newState(t)
	m := model{}
	s.put(s.said("SHA=again", "alpha", `{"n":1}`, noon.Unix(), 1))
	s.put(s.random(rand.New(rand.NewPCG(1, 2)), 2000, m)...)
	s.apply()
	want := map[string][]string{}
	for _, name := range shown {
		want[name] = s.table(name)
	}
	s.downgrade()
	var told []Change
	truth, err := Open(s.folder, Options{Schemas: s.registry, Changed: func(c []Change) { told = append(told, c...) }})
	must(t, err)
	for _, name := range shown {
		s.same(name, s.table(name), want[name])
	}
	s.await(truth, s.put(s.said("SHA=again", "alpha", `{"n":1}`, noon.Unix()+1, 2)))
	must(t, truth.Close())
	if len(told) > 0 {
		t.Errorf("said again after the upgrade, told as changed: %v", told)
	}
	for _, name := range shown {
		want[name] = s.table(name)
	}
	must(t, Rebuild(t.Context(), s.folder, s.options(), nil))
	for _, name := range shown {
		s.same(name+" rebuilt", s.table(name), want[name])
	}
}

// downgrade puts a file of the third format with the same content in the truth's place.
func (s *state) downgrade() {
	s.Helper()
	old := named(".old")
	old.Formats = formats[:3]
	conn, err := old.Make(s.Context(), s.folder)
	must(s, err)
	_, err = conn.ExecContext(s.Context(), "ATTACH ? AS now", filepath.Join(s.folder, fileName))
	must(s, err)
	must(s, conn.Run("DELETE FROM main._meta"))
	for _, name := range shown {
		into := name
		if name == "_senders" {
			into = fmt.Sprintf("%s (%s)", name, counterColumns)
		}
		must(s, conn.Run("INSERT INTO main."+into+" SELECT * FROM now."+name))
	}
	must(s, conn.Close())
	must(s, removeFile(s.folder, fileName))
	must(s, os.Rename(filepath.Join(s.folder, old.Name), filepath.Join(s.folder, fileName)))
}
