package truth

import (
	"fmt"
	"testing"
	"time"
)

// What two hosts claim is shown until one of them lets go.
func TestConflicts(t *testing.T) {
	s := newState(t)
	s.put(
		s.said("SHA=1", "alpha", `{"name":"a","serial":1}`, 100, 1), s.said("SHA=2", "alpha", `{"name":"a","serial":1.0}`, 100, 1),
		s.said("SHA=3", "alpha", `{"name":"","serial":null}`, 100, 1), s.said("SHA=4", "alpha", `{"name":"","serial":"1"}`, 100, 1),
	)
	shown := func() (lines []string) {
		s.apply()
		r := s.reader()
		defer r.Close()
		all, err := r.Conflicts(t.Context())
		must(t, err)
		for _, c := range all {
			line := fmt.Sprint(c.Schema, " ", c.Property, " ", string(c.Value))
			for _, e := range c.Entities {
				line += fmt.Sprint(" ", e.Entity, "/", e.MessageID)
			}
			lines = append(lines, line)
		}
		return lines
	}
	if got, want := fmt.Sprint(shown()), `[alpha name "a" SHA=1/id1 SHA=2/id2 alpha serial 1 SHA=1/id1 SHA=2/id2]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.put(s.said("SHA=1", "alpha", `{"name":"b","serial":1}`, 50, 0)) // an older one changes nothing
	m := s.said("SHA=1", "alpha", `{"name":"a"}`, 101, 2)
	m.Version = "1.1" // of which serial is no part
	s.put(framed(m, `{"name":"a"}`))
	if got, want := fmt.Sprint(shown()), `[alpha name "a" SHA=1/id6 SHA=2/id2]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.put(s.said("SHA=2", "alpha", `{"name":"c"}`, 102, 3))
	if got := shown(); len(got) > 0 {
		t.Errorf("left: %s", got)
	}
}

func TestHosts(t *testing.T) {
	s := newState(t)
	host := s.said("SHA=1", "host", `{"uqhost":"a","fqhost":"a.example"}`, 100, 1)
	s.put(host, s.said("SHA=1", "alpha", `{}`, 100, 1), s.said("SHA=1", "alpha", `{}`, 101, 4),
		s.said("", "alpha", `{}`, 0, 0), s.said("SHA=2", "alpha", `{}`, 100, 1))
	s.apply()
	r := s.reader()
	r.Now = func() time.Time { return noon.Add(time.Hour) }
	hosts, err := r.Hosts(t.Context(), map[string]time.Duration{"host": 0, "alpha": time.Hour - 4*time.Second, "place": time.Hour})
	must(t, err)
	at := func(n int) string { return noon.Add(time.Duration(n) * time.Second).Format("05") }
	var got string
	for _, h := range hosts {
		got += fmt.Sprintf("%s %v %s-%s %d %d %v", h.Sender, h.Names, h.FirstSeen.Format("05"), h.LastSeen.Format("05"), h.Messages, h.Gaps, h.Stale)
		for _, c := range h.Schemas {
			got += fmt.Sprintf(" %s:%d/%d", c.Schema, c.Messages, c.Gaps)
		}
		got += "\n"
	}
	want := " [] " + at(4) + "-" + at(4) + " 1 0 [] alpha:1/0\n" +
		"SHA=1 [a.example a] " + at(1) + "-" + at(3) + " 3 2 [alpha place] alpha:2/2 host:1/0\n" +
		"SHA=2 [] " + at(5) + "-" + at(5) + " 1 0 [host place] alpha:1/0\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
