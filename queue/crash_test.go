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
	var putters sync.WaitGroup
	for p := range 32 {
		putters.Go(func() {
			answer := make(chan Stored, 1)
			for i := range 1000 {
				id := fmt.Sprintf("%s-%d-%d", name, p, i)
				q.Put(crashMessage(id), func(s Stored) {
					if s.Err == nil && !s.Duplicate {
						fmt.Println(id, s.Position)
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

// What was acknowledged before the listener was killed is there once, at its place,
// and is known as a duplicate; whatever the moment.
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
	t.Logf("%d acknowledged messages", len(acknowledged))

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
	for id, position := range acknowledged {
		if found[id] != position {
			t.Fatalf("%s was acknowledged at %d, is at %d", id, position, found[id])
		}
	}
	checkFile(t, r)
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
