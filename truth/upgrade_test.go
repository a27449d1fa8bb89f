package truth

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shown are what a file holds, by the names that it had before texts had numbers.
var shown = []string{"_meta", "_latest", "_history", "_unique", "_senders", "_skipped"}

// A file of an older format holds the same afterwards, and goes on from there: what is
// said again is no change. In the third each row had its texts, in the fourth history
// was written twice, here and in the queue.
func TestUpgraded(t *testing.T) {
	for _, format := range []int{3, 4} {
		t.Run(fmt.Sprint(format), func(t *testing.T) { upgraded(t, format) })
	}
}

func upgraded(t *testing.T, format int) {
	s := newState(t)
	m := model{}
	s.put(s.said("SHA=again", "alpha", `{"n":1}`, noon.Unix(), 1))
	s.put(s.random(rand.New(rand.NewPCG(1, 2)), 2000, m)...)
	s.apply()
	want := map[string][]string{}
	for _, name := range shown {
		want[name] = s.table(name)
	}
	s.downgrade(format)
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

// downgrade puts a file of an older format with the same content in the truth's place.
func (s *state) downgrade(format int) {
	s.Helper()
	old := named(".old")
	old.Formats = formats[:3]
	conn, err := old.Make(s.Context(), s.folder)
	must(s, err)
	must(s, conn.Run("DELETE FROM _meta"))
	for _, name := range shown {
		into := name
		if name == "_senders" {
			into = "_senders (sender, schema, first_seen, last_seen, messages, counted, low, high, high_at, began_at, gaps, missing)"
		}
		for _, row := range s.rows(name) {
			_, err := conn.ExecContext(s.Context(), "INSERT INTO "+into+" VALUES (?"+strings.Repeat(", ?", len(row)-1)+")", row...)
			must(s, err)
		}
	}
	must(s, conn.Close())
	old.Formats = formats[:format]
	conn, err = old.Make(s.Context(), s.folder)
	must(s, err)
	must(s, conn.Close())
	must(s, removeFile(s.folder, fileName))
	must(s, os.Rename(filepath.Join(s.folder, old.Name), filepath.Join(s.folder, fileName)))
}

func (s *state) rows(name string) [][]any {
	s.Helper()
	r := s.reader()
	defer r.Close()
	all, err := collect(s.Context(), r, scanRow, "SELECT * FROM "+name)
	must(s, err)
	return all
}
