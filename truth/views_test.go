package truth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// ask runs a query and gives its rows as text.
func ask(t *testing.T, r *Reader, text string, values ...any) string {
	t.Helper()
	rows, err := collect(t.Context(), r, scanText, text, values...)
	must(t, err)
	return strings.Join(rows, "; ")
}

func fails(t *testing.T, r *Reader, text string) bool {
	_, err := collect(t.Context(), r, scanText, text)
	return err != nil
}

// Each schema is a view with typed columns.
func TestViews(t *testing.T) {
	s := newState(t)
	s.put(
		s.said("SHA=1", "odd", `{"sender":"x","SELECT":12,"a b'c":1,"on":true,"maybe":"yes","count":"07","list":[1],"q\"":"z","Name":"N","name":"n"}`, 100, 1),
		s.said("SHA=2", "odd", `{"on":false,"maybe":false,"count":3,"SELECT":1e3}`, 100, 1),
		s.said("SHA=3", "odd", `{"on":null,"maybe":"perhaps","count":"Unknown"}`, 100, 1),
		s.said("SHA=1", "place", `{"domain":"webhuis.nl","v":3}`, 100, 1),
	)
	s.apply()
	r := s.reader()
	got := ask(t, r, "SELECT group_concat(name, ', ') FROM pragma_table_info('odd')")
	if want := "entity, sender, received_at, content, Name, SELECT, a b'c, count, maybe, name_, on, sender_"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	got = ask(t, r, `SELECT entity, "SELECT", "a b'c", count, maybe, name_, "on", sender_ FROM odd ORDER BY entity`)
	if want := `SHA=1 12 1 7 1 n 1 x; SHA=2 1000 <nil> 3 0 <nil> 0 <nil>; SHA=3 <nil> <nil> <nil> <nil> <nil> <nil> <nil>`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = ask(t, r, "SELECT v, received_at, sender, content FROM place WHERE domain = ?", "webhuis.nl")
	if want := fmt.Sprintf(`3 %d SHA=1 {"domain":"webhuis.nl","v":3}`, noon.Add(4*time.Second).UnixMicro()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	plan := ask(t, r, "EXPLAIN QUERY PLAN SELECT p.content FROM odd o JOIN place p ON p.domain = o.name_ WHERE o.entity = 'SHA=1'")
	if !strings.Contains(plan, "_by place domain") {
		t.Errorf("a join by an entity's property has no index: %s", plan)
	}
}

// The views follow the registry, and a restart with the same one writes nothing.
func TestViewsFollowTheSchemas(t *testing.T) {
	s := newState(t)
	all := s.registry
	s.registry = registry(t, "alpha/1.0")
	truth := s.open()
	version := func() (n int) {
		must(t, truth.writer.conn.QueryRowContext(t.Context(), "PRAGMA schema_version").Scan(&n))
		return n
	}
	if !fails(t, s.reader(), "SELECT * FROM place") {
		t.Error("there is a view of a schema that is not")
	}
	was := version()
	must(t, truth.SetSchemas(s.registry))
	if version() != was {
		t.Error("the same schemas changed the file")
	}
	must(t, truth.SetSchemas(all))
	ask(t, s.reader(), "SELECT domain FROM place")
	must(t, truth.SetSchemas(s.registry))
	if !fails(t, s.reader(), "SELECT * FROM place") {
		t.Error("the view is there although the schema is gone")
	}
}

// A Reader changes nothing and gives up in time.
func TestReaderIsBounded(t *testing.T) {
	s := newState(t)
	for i := range 20 {
		s.put(s.said(fmt.Sprint("SHA=", i), "alpha", `{}`, 100, 1))
	}
	s.apply()
	r := s.reader()
	for _, text := range []string{"DELETE FROM _latest", "DROP VIEW alpha", "INSERT INTO _meta VALUES (1, '')"} {
		if !fails(t, r, text) {
			t.Errorf("%s: no error", text)
		}
	}
	r.MaxRows = 19
	if _, err := collect(t.Context(), r, scanText, "SELECT * FROM alpha"); !errors.Is(err, ErrTooMany) {
		t.Errorf("20 rows of 19: %v", err)
	}
	r.Timeout = 50 * time.Millisecond
	began := time.Now()
	endless := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	if !fails(t, r, endless) || time.Since(began) > patience {
		t.Errorf("endless: %s", time.Since(began))
	}
	r.Timeout, r.MaxRows = patience, 100
	if got := ask(t, r, "SELECT count(*) FROM alpha"); got != "20" {
		t.Errorf("afterwards: %s", got)
	}
}

// The truth of a time is what had been said until then.
func TestAsOf(t *testing.T) {
	s := newState(t)
	s.put(
		s.said("SHA=1", "alpha", `{"n":1}`, noon.Unix(), 1), s.said("SHA=1", "alpha", `{"n":3}`, noon.Unix()+20, 3),
		s.said("SHA=1", "alpha", `{"n":2}`, noon.Unix()+10, 2), // comes late
		s.said("SHA=2", "alpha", `{"n":9}`, noon.Unix()+15, 1),
	)
	s.apply()
	for _, c := range []struct {
		after int
		want  string
	}{
		{-1, ""}, {0, "SHA=1 1"}, {9, "SHA=1 1"}, {10, "SHA=1 2"}, {15, "SHA=1 2; SHA=2 9"}, {20, "SHA=1 3; SHA=2 9"}, {99, "SHA=1 3; SHA=2 9"},
	} {
		r, err := OpenReaderAsOf(s.folder, noon.Add(time.Duration(c.after)*time.Second))
		must(t, err)
		if got := ask(t, r, "SELECT entity, n FROM alpha ORDER BY entity"); got != c.want {
			t.Errorf("after %d s: %s, want %s", c.after, got, c.want)
		}
		if v, err := r.Latest(t.Context(), "alpha", "SHA=2"); (err == nil) != (c.after >= 15) {
			t.Errorf("after %d s: %+v, %v", c.after, v, err)
		}
		must(t, r.Close())
	}
}
