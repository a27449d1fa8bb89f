package queue

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// crashFolder set makes the test binary the listener that gets killed.
const crashFolder = "QUEUE_TEST_CRASH_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		if err := putUntilKilled(folder, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// crashMessage has a frame of 8 KiB, so that some kills fall into a checkpoint.
func crashMessage(id string) Message {
	m := message(id)
	m.Frame = bytes.Repeat([]byte(id[len(id)-1:]), 8192)
	return m
}

// putUntilKilled keeps 32 messages on their way and prints the id and position of
// each once it is acknowledged; every tenth goes to the dead letters too.
func putUntilKilled(folder, name string) error {
	q, err := Open(folder, Options{DeadLetters: 50})
	if err != nil {
		return err
	}
	fmt.Println("open 0")
	old := make(chan int64, 1000)
	go func() { // some of what is stored leaves again
		for {
			p := host(<-old)
			for len(old) > 0 && len(p.Positions) < 20 {
				p.Positions = append(p.Positions, <-old)
			}
			if err := q.Prune(context.Background(), p); err != nil {
				return
			}
		}
	}()
	var putters sync.WaitGroup
	for p := range 32 {
		putters.Go(func() {
			answer := make(chan Stored, 1)
			for i := range 1000 {
				id := fmt.Sprintf("%s-%d-%d", name, p, i)
				q.Put(crashMessage(id), func(s Stored) {
					if s.Err == nil && !s.Duplicate {
						fmt.Println(id, s.Position)
						offer(old, s.Position)
					}
					answer <- s
				})
				if i%10 == 0 {
					q.Bury(DeadLetter{Reason: id}, nil)
				}
				<-answer
			}
		})
	}
	putters.Wait()
	return q.Close()
}

// offer gives every third position to who prunes, unless that one is behind.
func offer(old chan<- int64, position int64) {
	if position%3 != 0 {
		return
	}
	select {
	case old <- position:
	default:
	}
}

// What was acknowledged before the listener was killed is there once, at its place,
// or left whole; and is known as a duplicate, whatever the moment.
func TestKilledListenerLosesNothing(t *testing.T) {
	folder := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acknowledged := map[string]int64{}
	for round := range 25 {
		lines := random.IntN(400)
		if round%5 == 0 {
			lines = random.IntN(3) // while it opens, or just after
		}
		putAndKill(t, folder, fmt.Sprint("round", round), lines, acknowledged)
		checkLog(t, folder, acknowledged)
	}
	c, err := mustRead(t, folder).Counts(t.Context())
	if err != nil || c.Pruned == 0 {
		t.Fatalf("nothing left: %+v, %v", c, err)
	}
	t.Logf("%d acknowledged messages, of which %d left", len(acknowledged), c.Pruned)

	q := mustOpen(t, folder, Options{})
	for id, position := range acknowledged {
		err := q.Put(crashMessage(id), func(s Stored) {
			if s != (Stored{Position: position, Duplicate: true}) {
				t.Errorf("%s put again: %+v, was at %d", id, s, position)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, q)
}

// putAndKill runs a listener, kills it after so many lines and notes all it printed.
func putAndKill(t *testing.T, folder, name string, lines int, acknowledged map[string]int64) {
	t.Helper()
	listener := exec.Command(os.Args[0], name)
	listener.Env = append(os.Environ(), crashFolder+"="+folder)
	listener.Stderr = os.Stderr
	out, err := listener.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	defer listener.Wait()
	defer listener.Process.Kill()
	scanner := bufio.NewScanner(out)
	for n := 0; ; n++ {
		if n == lines {
			listener.Process.Kill()
		}
		if !scanner.Scan() {
			break
		}
		var id string
		var position int64
		if _, err := fmt.Sscan(scanner.Text(), &id, &position); err != nil {
			t.Fatalf("line %q: %v", scanner.Text(), err)
		}
		if position > 0 {
			acknowledged[id] = position
		}
	}
}

// checkLog opens the log as the next listener would, and compares.
func checkLog(t *testing.T, folder string, acknowledged map[string]int64) {
	t.Helper()
	q, err := Open(folder, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, q)
	r := mustRead(t, folder)
	found := map[string]int64{}
	for after := int64(0); ; {
		page, err := r.Messages(t.Context(), Filter{After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			if _, twice := found[m.MessageID]; twice || !bytes.Equal(m.Frame, crashMessage(m.MessageID).Frame) {
				t.Fatalf("%s at %d: twice %t, or its frame is another", m.MessageID, m.Position, twice)
			}
			found[m.MessageID] = m.Position
			after = m.Position
		}
	}
	if c, err := r.Counts(t.Context()); err != nil || c.Messages != int64(len(found)) {
		t.Fatalf("%d messages are there, counted are %+v, %v", len(found), c, err)
	}
	for id, position := range acknowledged {
		if found[id] == 0 {
			found[id] = leftAt(t, r, id)
		}
		if found[id] != position {
			t.Fatalf("%s was acknowledged at %d, is at %d", id, position, found[id])
		}
	}
	checkFile(t, r)
}

func leftAt(t *testing.T, r *Reader, id string) int64 {
	t.Helper()
	left, err := r.Remembered(t.Context(), id)
	if err != nil || len(left) != 1 {
		t.Fatalf("%s is neither stored nor remembered once: %v, %v", id, left, err)
	}
	return left[0].Position
}

// checkFile asks SQLite, and compares the dead letters with their totals.
func checkFile(t *testing.T, r *Reader) {
	t.Helper()
	var verdict string
	var letters, bytes int64
	ctx := context.Background()
	if err := r.conn.QueryRowContext(ctx, "PRAGMA quick_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatal(verdict, err)
	}
	err := r.conn.QueryRowContext(ctx, "SELECT count(*), ifnull(sum(bytes), 0) FROM dead_letters").Scan(&letters, &bytes)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Counts(ctx); err != nil || c.DeadLetters != letters || c.DeadLetterBytes != bytes || letters > 50 {
		t.Fatalf("%d dead letters of %d bytes, totals %+v, %v", letters, bytes, c, err)
	}
}
