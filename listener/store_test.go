package listener_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// What is stored is the frame as received, with what its signature proves.
func TestStored(t *testing.T) {
	s := start(t, nil)
	frame := fromNode(host("m-1"))
	a := s.ask(frame)
	if a.Status != message.Stored || a.ID != "m-1" || a.Code != "" || a.Reason != "" {
		t.Fatalf("%+v", a.Receipt)
	}
	m := s.stored()
	if len(m) != 1 {
		t.Fatalf("%d messages", len(m))
	}
	got := m[0]
	want := queue.Message{Position: 1, ReceivedAt: noon, Pattern: "request", Sender: string(hosts().node.Digest()), Peer: "192.0.2.7",
		Schema: "host", Version: "1.0", MessageID: "m-1", IssuedAt: noon.Add(-time.Hour).Unix(), Seq: 7}
	if string(got.Frame) != string(frame) {
		t.Error("the frame is not the one received")
	}
	got.Frame = nil
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("stored %+v\nwant   %+v", got, want)
	}
	if n := s.Counts().Stored.Load(); n != 1 {
		t.Errorf("counted %d", n)
	}
}

// An id is stored once for a sender; another sender's is another message.
func TestDuplicate(t *testing.T) {
	s := start(t, nil)
	for i, c := range []struct {
		frame []byte
		want  message.Status
	}{
		{fromNode(host("m-1")), message.Stored},
		{fromNode(host("m-1")), message.Duplicate},
		{envelope(hosts().other, claims{}, host("m-1")), message.Stored},
		{fromNode(host("m-1")), message.Duplicate},
	} {
		if a := s.ask(c.frame); a.Status != c.want || a.ID != "m-1" {
			t.Errorf("%d: %+v, want %s", i, a, c.want)
		}
	}
	if n, d := s.Counts().Stored.Load(), s.Counts().Duplicate.Load(); n != 2 || d != 2 || len(s.stored()) != 2 {
		t.Errorf("%d stored and %d duplicate counted, %d in the queue", n, d, len(s.stored()))
	}
}

// A queue that has no room is busy, keeps no dead letter of it, and takes the
// message when it comes again.
func TestBusyWhileFull(t *testing.T) {
	s := open(t, queue.Options{Waiting: 2}, nil)
	release := s.hold()
	defer release()
	// The committer is held, and what it holds is not in its way: two fit.
	first, second := s.submit(fromNode(host("m-1"))), s.submit(fromNode(host("m-2")))
	s.await(func() bool { return s.queue.Stats().Waiting == 2 })
	a := s.ask(fromNode(host("m-3")))
	if a.Code != message.Busy || a.ID != "m-3" || !strings.Contains(a.Reason, "more messages than its disk takes") {
		t.Errorf("%+v", a.Receipt)
	}
	s.log.has(t, "m-3", "queue: full")
	release()
	for _, c := range []<-chan []byte{first, second} {
		if a := s.wait(c); a.Status != message.Stored {
			t.Errorf("%+v", a.Receipt)
		}
	}
	if a := s.ask(fromNode(host("m-3"))); a.Status != message.Stored {
		t.Errorf("%+v", a.Receipt)
	}
	s.close()
	if d := s.dead(); len(d) != 0 {
		t.Errorf("dead letters: %+v", d)
	}
}

// A queue that is closed loses nothing: every message is to come again, and
// what is refused is answered although it cannot be kept.
func TestBusyOnceClosed(t *testing.T) {
	s := start(t, nil)
	must(t, s.queue.Close())
	if a := s.ask(fromNode(host("m-1"))); a.Code != message.Busy || a.ID != "m-1" || a.Reason == "" {
		t.Errorf("%+v", a.Receipt)
	}
	if a := s.ask([]byte("rubbish")); a.Code != message.Malformed {
		t.Errorf("%+v", a.Receipt)
	}
	s.log.has(t, "dead letter not kept", "malformed", "closed")
	if n := s.Counts().Unburied.Load(); n != 1 {
		t.Errorf("%d unburied", n)
	}
}

// A commit that fails is busy too, answered to everybody who waited for it.
func TestBusyWhenCommitFails(t *testing.T) {
	t.Parallel() // SQLite waits 5 s for the lock
	s := open(t, queue.Options{}, nil)
	release := s.hold()
	answers := []<-chan []byte{s.submit(fromNode(host("m-1"))), s.submit(fromNode(host("m-2")))}
	s.await(func() bool { return s.queue.Stats().Waiting == 2 })
	locked := lockForWriting(t, s.state)
	release()
	for _, c := range answers {
		if a := s.wait(c); a.Code != message.Busy || a.Reason == "" {
			t.Errorf("%+v", a.Receipt)
		}
	}
	locked()
	if a := s.ask(fromNode(host("m-1"))); a.Status != message.Stored {
		t.Errorf("afterwards: %+v", a.Receipt)
	}
	s.close()
}

// Beyond Room a message is told to come again: its socket does not wait.
func TestBeyondRoom(t *testing.T) {
	s := open(t, queue.Options{}, func(o *listener.Options) { o.Room = 3 })
	block := make(chan struct{})
	var blocked atomic.Int64
	for i := range runtime.GOMAXPROCS(0) {
		// What is too large is answered by the worker itself.
		s.Submit(listener.Incoming{Frame: make([]byte, 2<<20), Answer: func([]byte) { blocked.Add(1); <-block }})
		s.await(func() bool { return blocked.Load() == int64(i+1) })
	}
	var waiting []<-chan []byte
	for i := range 3 {
		waiting = append(waiting, s.submit(fromNode(host(fmt.Sprint("m-", i)))))
	}
	// Nobody has looked at it, so nobody is proved.
	if a := s.ask(fromNode(host("m-3"))); a.Code != message.Busy || a.ID != message.NilID || a.Reason != "" {
		t.Errorf("%+v", a.Receipt)
	}
	close(block)
	for _, c := range waiting {
		if a := s.wait(c); a.Status != message.Stored {
			t.Errorf("%+v", a.Receipt)
		}
	}
	s.close()
}

// Close answers whatever was submitted, each once.
func TestCloseAnswersAll(t *testing.T) {
	s := open(t, queue.Options{}, nil)
	release := s.hold()
	var answers []<-chan []byte
	for i := range 1000 {
		switch i % 10 {
		case 0:
			answers = append(answers, s.submit(fromNode(host(fmt.Sprint("m-", i)))))
		case 1:
			answers = append(answers, s.submit(fromNode(host(fmt.Sprint("m-", i-1))))) // a duplicate
		default:
			answers = append(answers, s.submit(fmt.Append(nil, "rubbish ", i)))
		}
	}
	release()
	s.close()
	for i, c := range answers {
		if len(c) != 1 {
			t.Fatalf("message %d has %d answers", i, len(c))
		}
	}
	c := s.Counts()
	if stored, twice, refused := c.Stored.Load(), c.Duplicate.Load(), c.Refused()[message.Malformed]; stored != 100 || twice != 100 || refused != 800 {
		t.Errorf("%d stored, %d duplicate, %d malformed", stored, twice, refused)
	}
	if len(s.stored()) != 101 || len(s.dead()) != 800 { // and what hold put
		t.Errorf("%d in the queue, %d dead letters", len(s.stored()), len(s.dead()))
	}
}

// Close does not wait for a disk that does not come back.
func TestCloseIsBounded(t *testing.T) {
	s := open(t, queue.Options{}, nil)
	release := s.hold()
	answers := s.submit(fromNode(host("m-1")))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not answered") {
		t.Errorf("%v", err)
	}
	release()
	if a := s.wait(answers); a.Status != message.Stored {
		t.Errorf("%+v", a.Receipt)
	}
}

// A listener that was closed leaves nothing running.
func TestNoGoroutineStays(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("life", func(t *testing.T) {
		s := start(t, nil)
		for i := range 50 {
			s.ask(fromNode(host(fmt.Sprint("m-", i/2))))
		}
	})
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// await waits for what another goroutine is about to do.
func (s *stage) await(happened func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !happened(); runtime.Gosched() {
		if time.Now().After(deadline) {
			s.t.Fatal("it did not happen")
		}
	}
}

// lockForWriting keeps the queue from committing, as a backup may do.
func lockForWriting(t *testing.T, state string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(state, "queue.db"))
	must(t, err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("BEGIN IMMEDIATE")
	must(t, err)
	return func() { must(t, db.Close()) }
}
