package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func positions(messages []Message) (all []int64) {
	for _, m := range messages {
		all = append(all, m.Position)
	}
	return all
}

func TestFilters(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	for i := range 6 { // positions 1..6: host and role in turn, senders s0 s1 s2 s0 s1 s2
		m := message(fmt.Sprint("id", i/3))
		m.Schema = []string{"host", "role"}[i%2]
		m.Sender = fmt.Sprint("s", i%3)
		mustPut(t, q, m)
	}
	r := mustRead(t, folder)
	for _, c := range []struct {
		filter Filter
		want   []int64
	}{
		{Filter{}, []int64{1, 2, 3, 4, 5, 6}},
		{Filter{After: 4}, []int64{5, 6}},
		{Filter{After: 6}, nil},
		{Filter{Limit: 2}, []int64{1, 2}},
		{Filter{Limit: 2, Newest: true}, []int64{5, 6}},
		{Filter{Limit: 2, Newest: true, After: 5}, []int64{6}},
		{Filter{Schema: "role"}, []int64{2, 4, 6}},
		{Filter{Sender: "s1"}, []int64{2, 5}},
		{Filter{Sender: "nobody"}, nil},
		{Filter{MessageID: "id1"}, []int64{4, 5, 6}},
		{Filter{MessageID: "id1", Sender: "s0", Schema: "role"}, []int64{4}},
		{Filter{Schema: "' OR 1 --"}, nil},
	} {
		got, err := r.Messages(t.Context(), c.filter)
		if err != nil || !reflect.DeepEqual(positions(got), c.want) {
			t.Errorf("%+v: %v, %v, want %v", c.filter, positions(got), err, c.want)
		}
	}
}

// A page ends early where frames are large, and the next one goes on there.
func TestPagesAreBounded(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	for i := range 5 {
		m := message(fmt.Sprint(i))
		m.Frame = make([]byte, 25)
		mustPut(t, q, m)
	}
	r := mustRead(t, folder)
	r.pageBytes = 64
	first, err := r.Messages(t.Context(), Filter{})
	if err != nil || !reflect.DeepEqual(positions(first), []int64{1, 2, 3}) {
		t.Errorf("first page %v, %v", positions(first), err)
	}
	second, err := r.Messages(t.Context(), Filter{After: 3})
	if err != nil || !reflect.DeepEqual(positions(second), []int64{4, 5}) {
		t.Errorf("second page %v, %v", positions(second), err)
	}
	newest, err := r.Last(t.Context(), 5)
	if err != nil || !reflect.DeepEqual(positions(newest), []int64{3, 4, 5}) {
		t.Errorf("newest %v, %v", positions(newest), err)
	}
}

// The log can be read while a listener runs, after it stopped in order, and after
// it was killed, when its WAL lies there still.
func TestReadInEveryState(t *testing.T) {
	running := t.TempDir()
	q := mustOpen(t, running, Options{})
	mustPut(t, q, message("a"))

	killed := t.TempDir()
	for _, name := range []string{"queue.db", "queue.db-wal"} {
		content, err := os.ReadFile(filepath.Join(running, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(killed, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	stopped := t.TempDir()
	s := mustOpen(t, stopped, Options{})
	mustPut(t, s, message("a"))
	mustClose(t, s)

	for name, folder := range map[string]string{"running": running, "killed": killed, "stopped": stopped} {
		t.Run(name, func(t *testing.T) {
			r := mustRead(t, folder)
			if got, err := r.Last(t.Context(), 2); err != nil || len(got) != 1 || got[0].MessageID != "a" {
				t.Errorf("got %v, %v", got, err)
			}
			if _, err := r.conn.ExecContext(t.Context(), "DELETE FROM messages"); err == nil {
				t.Error("a reader could delete")
			}
		})
	}
}

// A reader that stays open sees what a listener started later writes, and does not
// keep it from stopping.
func TestReaderOutlivesListeners(t *testing.T) {
	folder := t.TempDir()
	mustClose(t, mustOpen(t, folder, Options{}))
	r := mustRead(t, folder)
	for i := range 3 {
		q := mustOpen(t, folder, Options{})
		mustPut(t, q, message(fmt.Sprint(i)))
		mustClose(t, q)
		if got, err := r.Last(t.Context(), 9); err != nil || len(got) != i+1 {
			t.Errorf("round %d: %v, %v", i, positions(got), err)
		}
	}
}

func TestOpenReaderRefuses(t *testing.T) {
	empty, newer, unmade := t.TempDir(), t.TempDir(), t.TempDir()
	q := mustOpen(t, newer, Options{})
	if err := q.writer.run("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unmade, fileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{empty: "a listener makes it", newer: "newer cf-messaged", unmade: "start the listener once"} {
		_, err := OpenReader(folder)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), folder) {
			t.Errorf("got %v, want %q in it", err, want)
		}
		if missing := errors.Is(err, fs.ErrNotExist); missing != (folder == empty) {
			t.Errorf("%v is fs.ErrNotExist: %t", err, missing)
		}
	}
}

// Reading to the end and then waiting misses nothing, however the two fall together.
func TestWait(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	r := mustRead(t, folder)
	r.Poll = time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const all = 200
	go func() {
		for i := range all {
			if err := q.Put(message(fmt.Sprint(i)), nil); err != nil {
				t.Error(err)
			}
		}
	}()
	for read := int64(0); read < all; {
		page, err := r.Messages(ctx, Filter{After: read})
		if err != nil {
			t.Fatal(err)
		}
		read += int64(len(page))
		if len(page) == 0 {
			if err := r.Wait(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	r := mustRead(t, folder)
	if err := r.Wait(t.Context()); err != nil {
		t.Fatal("the first call:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	mustPut(t, q, message("a"))
	if err := r.Wait(t.Context()); err != nil {
		t.Error("after a cancelled wait:", err)
	}
	if _, err := r.Last(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
