package truth

import (
	"fmt"
	"testing"
)

// Whoever asks is told what is known otherwise than before, and about whom; not
// of what was only said again, nor of what came too late.
func TestChanged(t *testing.T) {
	s := newState(t)
	told := make(chan []Change, 10)
	tr, err := Open(s.folder, Options{Schemas: s.registry, Changed: func(c []Change) { told <- c }})
	must(t, err)
	for _, c := range []struct {
		sender, schema, content string
		iat                     int64
		want                    string
	}{
		{"SHA=1", "alpha", `{"n":1}`, 10, "[{alpha SHA=1 true}]"},
		{"SHA=1", "alpha", `{"n":1}`, 11, ""},
		{"SHA=1", "place", `{"domain":"d","v":1}`, 10, "[{place d false}]"},
		{"SHA=2", "place", `{"domain":"d","v":1}`, 11, ""},
		{"SHA=2", "place", `{"domain":"d","v":2}`, 12, "[{place d false}]"},
		{"SHA=1", "alpha", `{"n":7}`, 1, ""},
		{"SHA=1", "nosuch", `{}`, 13, ""},
	} {
		position := s.put(s.said(c.sender, c.schema, c.content, c.iat, 0))
		tr.Wake()
		s.await(tr, position)
		if c.want == "" {
			continue // the next one that is told would be another
		}
		if got := fmt.Sprint(<-told); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.content, c.sender, got, c.want)
		}
	}
	must(t, tr.Close())
	if len(told) > 0 {
		t.Errorf("told besides: %v", <-told)
	}
}
