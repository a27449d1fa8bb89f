package queue

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC)

func mustOpen(tb testing.TB, folder string, o Options) *Queue {
	tb.Helper()
	q, err := Open(folder, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { q.Close() })
	return q
}

func mustClose(tb testing.TB, q *Queue) {
	tb.Helper()
	if err := q.Close(); err != nil {
		tb.Fatal(err)
	}
}

func mustRead(tb testing.TB, folder string) *Reader {
	tb.Helper()
	r, err := OpenReader(folder)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// put stores one message and waits for what became of it.
func put(tb testing.TB, q *Queue, m Message) Stored {
	tb.Helper()
	answer := make(chan Stored, 1)
	if err := q.Put(m, func(s Stored) { answer <- s }); err != nil {
		tb.Fatal(err)
	}
	return <-answer
}

func mustPut(tb testing.TB, q *Queue, m Message) int64 {
	tb.Helper()
	s := put(tb, q, m)
	if s.Err != nil || s.Duplicate {
		tb.Fatalf("put %s: %+v", m.MessageID, s)
	}
	return s.Position
}

// hold keeps the committer in a done function until the returned function is
// called, so that what is put meanwhile gathers.
func hold(tb testing.TB, q *Queue) (release func()) {
	tb.Helper()
	holding, released := make(chan struct{}), make(chan struct{})
	err := q.Put(message("hold"), func(Stored) { close(holding); <-released })
	if err != nil {
		tb.Fatal(err)
	}
	<-holding
	return sync.OnceFunc(func() { close(released) })
}

func message(id string) Message {
	return Message{
		ReceivedAt: noon, Pattern: "request", Sender: "SAME", Peer: "10.1.2.3:4567", Schema: "host", Version: "1.0",
		MessageID: id, IssuedAt: noon.Unix(), Seq: 7, Frame: []byte("frame of " + id),
	}
}

// What was put comes back as it was, byte for byte, after a restart too.
func TestPutAndReadBack(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a state?#%20 folder")
	q := mustOpen(t, folder, Options{})
	want := message("0198c5f2-7c1e-7b52-9f0a-3f8f6f0f6a11")
	want.Seq = 1<<64 - 1
	want.Frame = []byte("\x00\xff not text")
	want.Position = mustPut(t, q, want)
	unsigned := message("x'); DROP TABLE messages; --")
	unsigned.Sender, unsigned.Frame = "", bytes.Repeat([]byte{1}, 1<<20)
	unsigned.Position = mustPut(t, q, unsigned)
	mustClose(t, q)

	q = mustOpen(t, folder, Options{})
	got, err := mustRead(t, folder).Last(t.Context(), 10)
	if err != nil || !reflect.DeepEqual(got, []Message{want, unsigned}) {
		t.Errorf("got %v, %v", got, err)
	}
	if p := mustPut(t, q, message("next")); p != 3 {
		t.Errorf("position %d after a restart, want 3", p)
	}
}

func TestTimeOfPutWhereNoneIsGiven(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{Now: func() time.Time { return noon }})
	m := message("a")
	m.ReceivedAt = time.Time{}
	mustPut(t, q, m)
	got, err := mustRead(t, folder).Last(t.Context(), 1)
	if err != nil || len(got) != 1 || !got[0].ReceivedAt.Equal(noon) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDuplicates(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	first := mustPut(t, q, message("a"))

	for _, c := range []struct {
		name      string
		id        string
		sender    string
		after     time.Duration
		duplicate bool
	}{
		{"at once", "a", "SAME", 0, true},
		{"within the window", "a", "SAME", DuplicateWindow, true},
		{"received before the first", "a", "SAME", -time.Hour, true},
		{"another sender", "a", "OTHER", 0, false},
		{"another case", "A", "SAME", 0, false},
		{"after the window", "a", "SAME", DuplicateWindow + time.Microsecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := message(c.id)
			m.Sender, m.ReceivedAt = c.sender, noon.Add(c.after)
			s := put(t, q, m)
			if s.Err != nil || s.Duplicate != c.duplicate || (s.Position == first) != c.duplicate {
				t.Errorf("got %+v, first was %d", s, first)
			}
		})
	}

	// Once it was stored anew, the new one is the first.
	mustClose(t, q)
	q = mustOpen(t, folder, Options{})
	m := message("a")
	m.ReceivedAt = noon.Add(2 * DuplicateWindow)
	if s := put(t, q, m); !s.Duplicate || s.Position != 4 {
		t.Errorf("got %+v, want a duplicate of 4", s)
	}
}

// A crowd shares one commit, and duplicates are seen within it.
func TestCrowdSharesACommit(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	release := hold(t, q)
	defer release()
	var answers []Stored
	for i := range 200 {
		if err := q.Put(message(fmt.Sprint(i%100)), func(s Stored) { answers = append(answers, s) }); err != nil {
			t.Fatal(err)
		}
	}
	release()
	mustClose(t, q)

	for i, s := range answers {
		want := Stored{Position: int64(2 + i%100), Duplicate: i >= 100}
		if s != want {
			t.Errorf("answer %d: %+v, want %+v", i, s, want)
		}
	}
	want := Stats{Commits: 2, Stored: 101, Duplicates: 100}
	if got := q.Stats(); got != want || len(answers) != 200 {
		t.Errorf("%d answers, %+v, want %+v", len(answers), got, want)
	}
}

func TestBatchIsBounded(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{Batch: 10})
	release := hold(t, q)
	for i := range 25 {
		if err := q.Put(message(fmt.Sprint(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	release()
	mustClose(t, q)
	if s := q.Stats(); s.Commits != 4 || s.Stored != 26 {
		t.Errorf("%+v, want 4 commits (1, 10, 10, 5)", s)
	}
}

// More senders than are remembered: the file knows them all.
func TestSendersAreLookedUpAgain(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	for range 2 {
		for i := range 3 {
			m := message("same id")
			m.Sender = fmt.Sprint("sender ", i)
			put(t, q, m)
		}
		mustClose(t, q)
		q = mustOpen(t, folder, Options{})
	}
	got, err := mustRead(t, folder).Last(t.Context(), 10)
	if err != nil || len(got) != 3 || got[2].Sender != "sender 2" {
		t.Errorf("got %v, %v", got, err)
	}
}
