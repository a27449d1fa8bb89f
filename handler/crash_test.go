package handler

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// crashFolder set makes the test binary the listener that gets killed.
const crashFolder = "HANDLER_TEST_CRASH_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		if err := listen(folder, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// listen stores messages of two schemas, one handled by a file and one by a program,
// until it is killed; named last it stores nothing, handles what is there and ends.
// It prints the ids that were acknowledged.
func listen(folder, name string) error {
	q, err := queue.Open(folder, queue.Options{})
	if err != nil {
		return err
	}
	runners, err := startBoth(q, folder)
	if err != nil {
		return err
	}
	fmt.Println("open")
	if name != "last" {
		storeMessages(q, runners, name)
	}
	reader, err := queue.OpenReader(folder)
	if err != nil {
		return err
	}
	c, err := reader.Counts(context.Background())
	for _, r := range runners {
		for r.Status().Position < c.Last {
			time.Sleep(time.Millisecond)
		}
		err = errors.Join(err, r.Close(context.Background()))
	}
	return errors.Join(err, reader.Close(), q.Close())
}

func startBoth(q *queue.Queue, folder string) ([]*Runner, error) {
	file, err := NewFile(filepath.Join(folder, "host.jsonl"))
	if err != nil {
		return nil, err
	}
	program, err := NewExec([]string{"/bin/sh", "-c", `echo "$MESSAGES_MESSAGE_ID" >>"$0"`, filepath.Join(folder, "domain")}, 0, nil)
	if err != nil {
		return nil, err
	}
	var runners []*Runner
	for schema, h := range map[string]Handler{"host": file, "domain": program} {
		reader, err := queue.OpenReader(folder)
		if err != nil {
			return nil, err
		}
		r, err := Start(h, Options{State: folder, Reader: reader, Schema: schema, Bury: BuryIn(q), Lag: 5 * time.Millisecond})
		if err != nil {
			return nil, err
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// storeMessages stores ten of schema host to one of schema domain, without end.
func storeMessages(q *queue.Queue, runners []*Runner, name string) {
	for i := 0; ; i++ {
		m := stored(fmt.Sprintf("%s-%d", name, i))
		if i%11 == 0 {
			m.Schema = "domain"
		}
		answer := make(chan queue.Stored, 1)
		if q.Put(m, func(s queue.Stored) { answer <- s }) != nil || (<-answer).Err != nil {
			return
		}
		for _, r := range runners {
			r.Wake()
		}
		fmt.Println(m.Schema, m.MessageID)
	}
}

// A listener that is killed at any moment handles each acknowledged message at
// least once, and a reader never finds a cursor that it cannot read.
func TestKilledListenerHandlesEverything(t *testing.T) {
	folder := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acknowledged := map[string]bool{}
	runUntil(t, folder, "first", 1, acknowledged) // the cursors begin at 0
	for round := range 20 {
		runUntil(t, folder, fmt.Sprint("round", round), 1+random.IntN(150), acknowledged)
		checkCursors(t, folder)
	}
	runUntil(t, folder, "last", -1, acknowledged)

	done := map[string]int{}
	for _, line := range lines(t, filepath.Join(folder, "host.jsonl")) {
		done[line]++
	}
	for _, id := range lines(t, filepath.Join(folder, "domain")) {
		done[id]++
	}
	repeated := 0
	for id := range acknowledged {
		n := done[id] + done[container(id)]
		if n == 0 {
			t.Errorf("%s was acknowledged and never handled", id)
		}
		repeated += n - 1
	}
	t.Logf("%d messages, %d repetitions", len(acknowledged), repeated)
}

func checkCursors(t *testing.T, folder string) {
	t.Helper()
	if c, err := ReadCursors(folder); err != nil || len(c) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
}

// runUntil runs a listener, kills it after so many lines (never: -1) and notes
// which messages it acknowledged.
func runUntil(t *testing.T, folder, name string, count int, acknowledged map[string]bool) {
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
	defer listener.Process.Kill()
	scanner := bufio.NewScanner(out)
	for n := 1; scanner.Scan(); n++ {
		if _, id, found := strings.Cut(scanner.Text(), " "); found {
			acknowledged[id] = true
		}
		if n == count {
			listener.Process.Kill()
		}
		if n%16 == 0 {
			checkCursors(t, folder) // while it writes them
		}
	}
	if err := listener.Wait(); err != nil && count < 0 {
		t.Fatal(err)
	}
}
