package queue

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPutRefusesAtOnce(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{Waiting: 3, WaitingBytes: 100})
	release := hold(t, q) // has left already: what it is waiting for counts no more
	defer release()
	frame := func(id string, size int) Message {
		m := message(id)
		m.Frame = make([]byte, size)
		return m
	}
	for i, c := range []struct {
		m    Message
		want error
	}{
		{frame("a", 101), ErrTooLarge},
		{frame("b", 99), nil},
		{frame("c", 2), ErrFull},
		{frame("d", 1), nil},
		{frame("e", 1), ErrFull},
	} {
		if err := q.Put(c.m, nil); !errors.Is(err, c.want) {
			t.Errorf("put %d: %v, want %v", i, err, c.want)
		}
	}
	if s := q.Stats(); s.Waiting != 2 || s.WaitingBytes != 100 {
		t.Errorf("%+v", s)
	}
	release()
	mustClose(t, q)
	if s := q.Stats(); s.Waiting != 0 || s.WaitingBytes != 0 || s.Stored != 3 {
		t.Errorf("after Close: %+v", s)
	}
}

func TestPutBoundsTheCount(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{Waiting: 3})
	release := hold(t, q)
	defer release()
	for i := range 3 {
		if err := q.Put(message(fmt.Sprint(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Put(message("one too many"), nil); !errors.Is(err, ErrFull) {
		t.Errorf("put: %v", err)
	}
	if err := q.Bury(DeadLetter{}, nil); !errors.Is(err, ErrFull) {
		t.Errorf("bury: %v", err)
	}
	release()
}

func TestPutNeedsIDAndFrame(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	for _, m := range []Message{{Frame: []byte("x")}, {MessageID: "x"}} {
		if err := q.Put(m, nil); err == nil {
			t.Errorf("%+v was taken", m)
		}
	}
}

func TestPutAfterClose(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	mustClose(t, q)
	mustClose(t, q)
	if err := q.Put(message("a"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put: %v", err)
	}
	if err := q.Bury(DeadLetter{}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("bury: %v", err)
	}
}

// Each accepted Put is answered once and stored once, however Close falls among them.
func TestCloseRaces(t *testing.T) {
	for round := range 10 {
		folder := t.TempDir()
		q := mustOpen(t, folder, Options{Waiting: 64})
		var accepted, answered atomic.Int64
		enough := make(chan struct{})
		done := func(s Stored) {
			if s.Err != nil || s.Duplicate {
				t.Errorf("%+v", s)
			}
			if answered.Add(1) == int64(1+round*40) {
				close(enough)
			}
		}
		var putters sync.WaitGroup
		for p := range 4 {
			putters.Go(func() {
				for i := 0; ; i++ {
					switch err := q.Put(message(fmt.Sprint(p, " ", i)), done); {
					case err == nil:
						accepted.Add(1)
					case errors.Is(err, ErrClosed):
						return
					default: // full
						runtime.Gosched()
					}
				}
			})
		}
		<-enough
		mustClose(t, q)
		closedWith := answered.Load()
		putters.Wait()
		c, err := mustRead(t, folder).Counts(t.Context())
		if err != nil || c.Messages != closedWith || accepted.Load() != closedWith || answered.Load() != closedWith {
			t.Fatalf("accepted %d, answered %d, %d of them before Close returned, in the file %d, %v",
				accepted.Load(), answered.Load(), closedWith, c.Messages, err)
		}
	}
}

// A done function may put the next message.
func TestPutFromDone(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{Waiting: 1})
	second := make(chan Stored, 1)
	err := q.Put(message("a"), func(Stored) {
		if err := q.Put(message("b"), func(s Stored) { second <- s }); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := <-second; s.Position != 2 {
		t.Errorf("%+v", s)
	}
}
