package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counted is a run that has taken numbers 1 to n and was killed.
func counted(t *testing.T, n uint64) (state string) {
	t.Helper()
	state = t.TempDir()
	mustTake(t, newSequence(state), 1, n)
	return state
}

// mustTake takes the numbers from first to last.
func mustTake(t *testing.T, s *sequence, first, last uint64) {
	t.Helper()
	for want := first; want <= last; want++ {
		if got, err := s.next(t.Context(), "host", 1); err != nil || got != want {
			t.Fatalf("got number %d and %v, expected %d", got, err, want)
		}
	}
}

// end is what a state's seq.json says.
func end(t *testing.T, state string) uint64 {
	t.Helper()
	ends, err := readEnds(filepath.Join(state, "seq.json"))
	if err != nil {
		t.Fatal(err)
	}
	return ends["host"]
}

func TestNumbersGoOnAfterAKill(t *testing.T) {
	for n := range uint64(60) {
		state := counted(t, n)
		if e := end(t, state); e < n || e > max(n, 5*n-4) {
			t.Errorf("%d numbers were taken, and %d are on disk", n, e)
		}
		mustTake(t, newSequence(state), n+1, n+30)
	}
}

func TestARunPaysForFewWritesAndGivesTheRestBack(t *testing.T) {
	state := t.TempDir()
	s, written, last := newSequence(state), 0, os.FileInfo(nil)
	look := func() {
		info, err := os.Stat(filepath.Join(state, "seq.json"))
		if err != nil {
			t.Fatal(err)
		}
		if last == nil || !os.SameFile(last, info) {
			written++
		}
		last = info
	}
	for n := range uint64(50) {
		mustTake(t, s, n+1, n+1)
		look()
	}
	if err := s.giveBack(); err != nil {
		t.Fatal(err)
	}
	look()
	if written > 6 || end(t, state) != 50 {
		t.Errorf("seq.json was written %d times for 50 numbers, and says %d", written, end(t, state))
	}
	if err := os.Remove(filepath.Join(state, "seq.now")); err != nil {
		t.Fatal(err)
	}
	mustTake(t, newSequence(state), 51, 60)
}

// What the system kept in memory is gone or old: the rest of the lease is lost,
// and no number is used twice.
func TestAfterAPowerFailureTheLeaseCountsAsTaken(t *testing.T) {
	const n = 20
	for name, fail := range map[string]func(state, now string){
		"another boot": func(string, string) {},
		"no file":      func(_, now string) { os.Remove(now) },
		"nothing":      func(_, now string) { os.Truncate(now, 0) },
		"zeroes":       func(_, now string) { mustWrite(t, now, make([]byte, page)) },
		"another page": func(_, now string) {
			mustWrite(t, now, []byte(strings.Replace(mustRead(t, now), `"last":20`, `"last":10`, 1)))
		},
	} {
		state := counted(t, n)
		leased := end(t, state)
		fail(state, filepath.Join(state, "seq.now"))
		s := newSequence(state)
		if name == "another boot" {
			s.boot = "another"
		}
		got, err := s.next(t.Context(), "host", 1)
		if err != nil || got != leased+1 {
			t.Errorf("%s: got %d and %v; %d of %d numbers were taken", name, got, err, n, leased)
		}
	}
}

// A kill may come between any two writes.
func TestAKillBetweenTwoWritesLosesNoNumber(t *testing.T) {
	state := counted(t, 6) // the lease is used up
	before := mustRead(t, filepath.Join(state, "seq.json"))
	l := mustOpenLedger(t, state)
	l.leases.Counters["host"] = lease{Last: 6, Ends: []uint64{6, 30}}
	if err := l.writeLeases(); err != nil {
		t.Fatal(err)
	}
	l.close()
	for _, text := range []string{before, `{"host":30}`} {
		again := t.TempDir()
		mustWrite(t, filepath.Join(again, "seq.json"), []byte(text))
		mustWrite(t, filepath.Join(again, "seq.now"), []byte(mustRead(t, filepath.Join(state, "seq.now"))))
		mustTake(t, newSequence(again), 7, 40)
	}
}

func mustOpenLedger(t *testing.T, state string) *ledger {
	t.Helper()
	l, err := openLedger(t.Context(), state, bootID())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// seq.now holds only for the seq.json that it was written with: an
// administrator removes that, or a backup brings another.
func TestALeaseOfAnotherCounterIsNone(t *testing.T) {
	for text, want := range map[string]uint64{"": 1, `{"host":40}`: 41, `{"role":3}`: 1} {
		state := counted(t, 20)
		file := filepath.Join(state, "seq.json")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if text != "" {
			mustWrite(t, file, []byte(text))
		}
		mustTake(t, newSequence(state), want, want+200)
	}
}

func TestWithoutABootThereAreNoLeases(t *testing.T) {
	state := t.TempDir()
	s := newSequence(state)
	s.boot = ""
	for n := range uint64(10) {
		mustTake(t, s, n+1, n+1)
		if e := end(t, state); e != n+1 {
			t.Fatalf("%d numbers were taken, and %d are on disk", n+1, e)
		}
	}
	mustTake(t, newSequence(state), 11, 30)
}

// However many schemas a site has, the leases fit on one page.
func TestMoreSchemasThanLeases(t *testing.T) {
	state := t.TempDir()
	s, again := newSequence(state), newSequence(state)
	const from = maxSequence - 1<<40 // long numbers
	ends := map[string]uint64{}
	for i := range 2 * maxLeases {
		ends[fmt.Sprintf("s%063d", i)] = from
	}
	text, err := json.Marshal(ends)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(state, "seq.json"), text)
	for n := range uint64(20) {
		for _, schema := range sortedKeys(ends) {
			take := s
			if n == 19 {
				take = again // after a kill
			}
			if got, err := take.next(t.Context(), schema, 1); err != nil || got != from+n+1 {
				t.Fatalf("got %d and %v, expected %d", got, err, from+n+1)
			}
		}
	}
	if err := s.giveBack(); err != nil {
		t.Fatal(err)
	}
	l := mustOpenLedger(t, state)
	defer l.close()
	if len(l.leases.Counters) > 0 || slices.ContainsFunc(sortedKeys(ends), func(s string) bool { return l.ends[s] != from+20 }) {
		t.Errorf("after the run: %+v, %v", l.leases, l.ends)
	}
}

// Killed at any moment, a process has taken at most one number more than it
// could tell.
func TestNoKillLosesALease(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	last := uint64(0)
	for round := 0; round < 30 || last < 100; round++ {
		other := exec.Command(os.Args[0], state, "100000")
		other.Env = append(os.Environ(), "MESSAGES_TEST_AS=counter")
		out, err := other.StdoutPipe()
		if err == nil {
			err = other.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		kill := func() { time.AfterFunc(rand.N(40*time.Millisecond), func() { other.Process.Kill() }) }
		begins := round%3 > 0 // it is killed after its first number, else perhaps before that
		if !begins {
			kill()
		}
		before := last
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if begins && last == before {
				kill()
			}
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil || n <= last || n > last+2 || n > last+1 && last > before {
				t.Errorf("number %q after %d, which began with %d: %v", lines.Text(), last, before, err)
			}
			last = n
		}
		_ = other.Wait() // it was killed
		if begins && last == before {
			t.Fatal("it takes no number")
		}
	}
}
