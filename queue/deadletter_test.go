package queue

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// bury keeps one dead letter and waits until it is on disk.
func bury(tb testing.TB, q *Queue, d DeadLetter) {
	tb.Helper()
	answer := make(chan error, 1)
	if err := q.Bury(d, func(err error) { answer <- err }); err != nil {
		tb.Fatal(err)
	}
	if err := <-answer; err != nil {
		tb.Fatal(err)
	}
}

func TestDeadLetters(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{Now: func() time.Time { return noon }})
	want := []DeadLetter{
		{ID: 1, ReceivedAt: noon, Pattern: "push", Peer: "10.0.0.1", Code: "malformed", Reason: "not JSON at byte 3", Size: 4, Frame: []byte("\x00\xff{\"")},
		{ID: 2, ReceivedAt: noon.Add(time.Hour), Pattern: "request", Sender: "SHA=1", Code: "too_large", Reason: "2 MiB, 1 MiB allowed", Size: 2 << 20, Frame: []byte{}},
	}
	first := want[0]
	first.ID, first.Size, first.ReceivedAt = 0, 0, time.Time{} // filled in
	bury(t, q, first)
	second := want[1]
	second.Frame = nil
	bury(t, q, second)

	r := mustRead(t, folder)
	for _, d := range want {
		if got, err := r.DeadLetter(t.Context(), d.ID); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("got %+v, %v, want %+v", got, err, d)
		}
	}
	if _, err := r.DeadLetter(t.Context(), 3); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "3") {
		t.Errorf("got %v", err)
	}
	for i, c := range []struct {
		filter DeadFilter
		want   []int64
	}{
		{DeadFilter{}, []int64{1, 2}},
		{DeadFilter{After: 1}, []int64{2}},
		{DeadFilter{Limit: 1}, []int64{1}},
		{DeadFilter{Limit: 1, Newest: true}, []int64{2}},
		{DeadFilter{Code: "malformed"}, []int64{1}},
		{DeadFilter{Sender: "SHA=1"}, []int64{2}},
		{DeadFilter{Code: "denied"}, nil},
	} {
		letters, err := r.DeadLetters(t.Context(), c.filter)
		var got []int64
		for _, d := range letters {
			got = append(got, d.ID)
			if d.Frame != nil {
				t.Errorf("%d: frame in a list", i)
			}
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d: got %v, %v, want %v", i, got, err, c.want)
		}
	}
}

// The oldest go first, by count and by bytes, and are counted, also over a restart.
func TestDeadLettersAreBounded(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		sizes   []int
		want    Counts
		oldest  int64
	}{
		{"by count", Options{DeadLetters: 3}, []int{1, 1, 1, 1, 1}, Counts{DeadLetters: 3, DeadLetterBytes: 3, Dropped: 2}, 3},
		{"by bytes", Options{DeadLetterBytes: 10}, []int{4, 4, 1, 1, 5}, Counts{DeadLetters: 3, DeadLetterBytes: 7, Dropped: 2}, 3},
		{"the newest stays", Options{DeadLetterBytes: 10}, []int{4, 50}, Counts{DeadLetters: 1, DeadLetterBytes: 50, Dropped: 1}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, size := range c.sizes {
				q := mustOpen(t, folder, c.options)
				bury(t, q, DeadLetter{Frame: make([]byte, size)})
				mustClose(t, q)
			}
			r := mustRead(t, folder)
			if got, err := r.Counts(t.Context()); err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
			letters, err := r.DeadLetters(t.Context(), DeadFilter{})
			if err != nil || letters[0].ID != c.oldest {
				t.Errorf("oldest is %+v, %v", letters, err)
			}
		})
	}
}

// Many in one batch: those that would have to go at once are dropped with the rest.
func TestDeadLettersAreBoundedWithinABatch(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{DeadLetters: 10})
	release := hold(t, q)
	for i := range 100 {
		if err := q.Bury(DeadLetter{Reason: fmt.Sprintf("%02d", i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	release()
	mustClose(t, q)
	want := Counts{Messages: 1, Last: 1, DeadLetters: 10, DeadLetterBytes: 20, Dropped: 90}
	if got, err := mustRead(t, folder).Counts(t.Context()); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// Those that are too old go too, and are counted, whether or not others come.
func TestDeadLettersGrowOld(t *testing.T) {
	folder, now := t.TempDir(), noon
	q := mustOpen(t, folder, Options{DeadLetterAge: 24 * time.Hour, Now: func() time.Time { return now }})
	for range 3 {
		bury(t, q, DeadLetter{Frame: []byte("1234")})
		now = now.Add(12 * time.Hour)
	}
	r := mustRead(t, folder)
	for _, c := range []struct {
		after time.Duration
		want  Counts
	}{
		{-12 * time.Hour, Counts{DeadLetters: 3, DeadLetterBytes: 12}},
		{0, Counts{DeadLetters: 2, DeadLetterBytes: 8, Dropped: 1}},
		{12 * time.Hour, Counts{DeadLetters: 1, DeadLetterBytes: 4, Dropped: 2}},
		{24 * time.Hour, Counts{Dropped: 3}},
	} {
		now = noon.Add(36*time.Hour + c.after)
		if err := q.Prune(t.Context(), Pruning{}); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Counts(t.Context()); err != nil || got != c.want {
			t.Errorf("at %s: got %+v, %v, want %+v", now, got, err, c.want)
		}
	}
}

// An operator purges while the listener writes; ids are not given again.
func TestPurgeDeadLetters(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	for range 3 {
		bury(t, q, DeadLetter{Frame: []byte("1234")})
	}
	n, err := PurgeDeadLetters(t.Context(), folder, []int64{2, 3, 3, 99})
	if err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
	bury(t, q, DeadLetter{Frame: []byte("56")})
	r := mustRead(t, folder)
	want := Counts{DeadLetters: 2, DeadLetterBytes: 6}
	if got, err := r.Counts(t.Context()); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if d, err := r.DeadLetter(t.Context(), 4); err != nil || string(d.Frame) != "56" {
		t.Errorf("got %+v, %v", d, err)
	}
}
