package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func mustPrune(tb testing.TB, q *Queue, p Pruning) {
	tb.Helper()
	if err := q.Prune(tb.Context(), p); err != nil {
		tb.Fatal(err)
	}
}

func host(positions ...int64) Pruning {
	return Pruning{Schema: "host", Positions: positions, WholeFrom: noon}
}

// What left is gone, is counted, and leaves the positions of the others as they
// are; the newest stays, so that its position is not given again.
func TestPrune(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{Now: func() time.Time { return noon }})
	for i := range 6 {
		mustPut(t, q, message(fmt.Sprint("id", i+1)))
	}
	mustPrune(t, q, host(2, 3, 6, 77))
	mustPrune(t, q, host(3, 4))
	p := host()
	p.Counted = []Counted{{"SAME", "host", "old"}, {"OTHER", "host", "one"}}
	mustPrune(t, q, p)
	p.Counted = []Counted{{"SAME", "host", "new"}}
	mustPrune(t, q, p)
	if err := q.Prune(t.Context(), Pruning{Schema: "role", Positions: []int64{1}}); err == nil {
		t.Error("a message of another schema left")
	}
	mustClose(t, q)

	q = mustOpen(t, folder, Options{Now: func() time.Time { return noon }})
	if p := mustPut(t, q, message("next")); p != 7 {
		t.Errorf("position %d after a restart, want 7", p)
	}
	r := mustRead(t, folder)
	left, err := r.Messages(t.Context(), Filter{})
	if err != nil || !reflect.DeepEqual(positions(left), []int64{1, 5, 6, 7}) {
		t.Errorf("left are %v, %v", positions(left), err)
	}
	c, err := r.Counts(t.Context())
	if err != nil || c.Messages != 4 || c.Pruned != 3 || c.Last != 7 {
		t.Errorf("%+v, %v", c, err)
	}
	pruned, err := r.Pruned(t.Context())
	if err != nil || !reflect.DeepEqual(pruned, []Pruned{{"host", 3, 4, noon}}) {
		t.Errorf("%+v, %v", pruned, err)
	}
	counted := map[string]string{}
	err = r.Counted(t.Context(), func(c Counted) error { counted[c.Sender+c.Schema] = c.State; return nil })
	if err != nil || !reflect.DeepEqual(counted, map[string]string{"SAMEhost": "new", "OTHERhost": "one"}) {
		t.Errorf("%v, %v", counted, err)
	}
	mustClose(t, q)
	if err := q.Prune(t.Context(), host(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// An id that left is known as long as its envelope could be valid, and no longer.
func TestWhatLeftIsADuplicate(t *testing.T) {
	folder := t.TempDir()
	now := noon
	q := mustOpen(t, folder, Options{Now: func() time.Time { return now }})
	for _, id := range []string{"a", "b", "c"} {
		mustPut(t, q, message(id))
	}
	mustPrune(t, q, host(1, 2))
	r := mustRead(t, folder)
	gone, err := r.Remembered(t.Context(), "b")
	if err != nil || len(gone) != 1 || gone[0].Position != 2 || gone[0].Schema != "host" || gone[0].Sender != "SAME" || !gone[0].ReceivedAt.Equal(noon) {
		t.Errorf("remembered: %+v, %v", gone, err)
	}
	for range 2 { // the second time after a restart
		again := message("b")
		again.ReceivedAt = noon.Add(DuplicateWindow)
		if s := put(t, q, again); s != (Stored{Position: 2, Duplicate: true}) {
			t.Errorf("within its time: %+v", s)
		}
		other := message("b")
		other.Sender, other.MessageID = fmt.Sprint("OTHER", now), "b"
		mustPut(t, q, other)
		mustClose(t, q)
		now = now.Add(time.Second)
		q = mustOpen(t, folder, Options{Now: func() time.Time { return now }})
	}

	late := message("b")
	late.ReceivedAt = noon.Add(DuplicateWindow + time.Second)
	position := mustPut(t, q, late)
	if s := put(t, q, late); s != (Stored{Position: position, Duplicate: true}) {
		t.Errorf("twice after its time: %+v", s)
	}
	mustPut(t, q, message("last"))
	mustPrune(t, q, host(position)) // in the place of the first one of that id
	if s := put(t, q, late); s != (Stored{Position: position, Duplicate: true}) {
		t.Errorf("left for the second time: %+v", s)
	}
	now = noon.Add(DuplicateWindow + time.Minute)
	mustPrune(t, q, host())
	for id, want := range map[string]int{"a": 0, "b": 1} {
		if gone, err := r.Remembered(t.Context(), id); err != nil || len(gone) != want {
			t.Errorf("%s after its time: %+v, %v", id, gone, err)
		}
	}
	mustPut(t, q, func() Message { m := message("a"); m.ReceivedAt = now; return m }())
}

// The pages of what left are used for what comes: the file does not grow.
func TestPrunedPagesAreUsedAgain(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{Now: func() time.Time { return noon.Add(2 * DuplicateWindow) }})
	var next int64
	fill := func() (size int64) {
		for range 500 {
			m := message(fmt.Sprint(next))
			m.Frame = make([]byte, 900)
			next++
			mustPut(t, q, m)
			if next > 500 {
				mustPrune(t, q, host(next-500))
			}
		}
		mustClose(t, q) // folds the WAL into the file
		info, err := os.Stat(filepath.Join(folder, fileName))
		if err != nil {
			t.Fatal(err)
		}
		q = mustOpen(t, folder, q.options)
		return info.Size()
	}
	first := fill()
	for range 4 {
		if size := fill(); size > first*3/2 {
			t.Fatalf("the file grew from %d to %d bytes", first, size)
		}
	}
}
