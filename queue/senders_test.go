package queue

import (
	"fmt"
	"testing"
	"time"
)

// What a sender numbered and the log does not hold is a gap, until it comes
// after all; what has no number makes none.
func TestSenders(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	n := 0
	say := func(sender, schema string, seq uint64) {
		n++
		m := message(fmt.Sprint("id", n))
		m.Sender, m.Schema, m.Seq, m.ReceivedAt = sender, schema, seq, begin.Add(time.Duration(n)*time.Second)
		mustPut(t, q, m)
	}
	for _, seq := range []uint64{5, 6, 9, 12, 10} { // 7, 8 and 11 are missing
		say("s1", "host", seq)
	}
	say("s1", "role", 1)
	say("", "host", 0)
	say("", "host", 0)

	want := []Sender{
		{"", "host", begin.Add(7 * time.Second), begin.Add(8 * time.Second), 2, 0},
		{"s1", "host", begin.Add(1 * time.Second), begin.Add(5 * time.Second), 5, 3},
		{"s1", "role", begin.Add(6 * time.Second), begin.Add(6 * time.Second), 1, 0},
	}
	got, err := mustRead(t, folder).Senders(t.Context())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, %v\nwant %v", got, err, want)
	}
	say("s1", "host", 7)
	if got, err = mustRead(t, folder).Senders(t.Context()); err != nil || got[1].Gaps != 2 {
		t.Errorf("after 7 came late: %v, %v, want 2 gaps", got, err)
	}
}
