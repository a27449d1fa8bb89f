package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// countForTest is another process: it takes numbers and prints them.
func countForTest(args []string) int {
	n, err := strconv.Atoi(args[1])
	counters := newSequence(args[0])
	for range n {
		var seq uint64
		if seq, err = counters.next(context.Background(), "host", 1); err != nil {
			break
		}
		fmt.Println(seq)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestEveryNumberIsTakenOnceByManyAgents(t *testing.T) {
	const processes, goroutines, each = 3, 4, 20
	state := filepath.Join(t.TempDir(), "state", "messages")
	var mu sync.Mutex
	var taken []int
	take := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		for _, word := range strings.Fields(text) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Error(err)
			}
			taken = append(taken, n)
		}
	}
	here := newSequence(state)
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			other := exec.Command(os.Args[0], state, strconv.Itoa(each))
			other.Env = append(os.Environ(), "MESSAGES_TEST_AS=counter", "GORACE=atexit_sleep_ms=0")
			other.Stderr = os.Stderr
			out, err := other.Output()
			if err != nil {
				t.Error(err)
			}
			take(string(out))
		})
	}
	for range goroutines {
		all.Go(func() {
			for range each {
				seq, err := here.next(t.Context(), "host", 1)
				if err != nil {
					t.Error(err)
				}
				take(strconv.FormatUint(seq, 10))
			}
		})
	}
	all.Wait()
	slices.Sort(taken)
	for i, n := range taken {
		if n != i+1 {
			t.Fatalf("number %d at place %d of %v", n, i+1, taken)
		}
	}
	if want := (processes + goroutines) * each; len(taken) != want {
		t.Errorf("%d numbers were taken, not %d", len(taken), want)
	}
}

func TestEverySchemaHasItsOwnCounter(t *testing.T) {
	state := t.TempDir()
	var got []uint64
	for _, schema := range []string{"host", "role", "host", "host", "role"} {
		seq, err := newSequence(state).next(t.Context(), schema, 1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, seq)
	}
	if want := []uint64{1, 1, 2, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
}

// A damaged counter is never guessed: a number used twice would hide a loss.
func TestADamagedCounterIsToldWithTheWayOut(t *testing.T) {
	for _, text := range []string{``, `{`, `null`, `[]`, `{"host":-1}`, `{"host":"7"}`, `{"host":9007199254740991}`, "\x00\x00\x00\x00"} {
		state := t.TempDir()
		file := filepath.Join(state, "seq.json")
		mustWrite(t, file, []byte(text))
		_, err := newSequence(state).next(t.Context(), "host", 1)
		mustFail(t, err, file, "is damaged", "remove it")
		if mustRead(t, file) != text {
			t.Errorf("%q was replaced", text)
		}
	}
	state := t.TempDir()
	mustWrite(t, filepath.Join(state, "seq.json"), []byte(`{"host":9007199254740990}`))
	if seq, err := newSequence(state).next(t.Context(), "host", 1); err != nil || seq != maxSequence {
		t.Errorf("the last number is %d, %v", seq, err)
	}
}

// No bit of the counters can flip unnoticed: a smaller number would be used twice.
func TestAFlippedBitInTheCountersIsTold(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "seq.json")
	if _, err := newSequence(state).next(t.Context(), "host", 12); err != nil {
		t.Fatal(err)
	}
	whole := []byte(mustRead(t, file))
	for i := range whole {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			mustWrite(t, file, damaged)
			_, err := readEnds(file)
			mustFail(t, err, file, "is damaged", "remove it")
		}
	}
}

// A process that is stopped while it holds the lock must not hold up the agent.
func TestAHeldLockIsWaitedForNoLongerThanThePromise(t *testing.T) {
	state := t.TempDir()
	holder, err := os.Create(filepath.Join(state, "seq.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := unix.Flock(int(holder.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = newSequence(state).next(ctx, "host", 1)
	mustFail(t, err, "seq.lock", "fuser")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}

	// As soon as it is free, it is taken.
	time.AfterFunc(20*time.Millisecond, func() { holder.Close() })
	if seq, err := newSequence(state).next(t.Context(), "host", 1); err != nil || seq != 1 {
		t.Errorf("got %d, %v", seq, err)
	}
}

func TestCountersAreReadableByRootAloneAndPlainJSON(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state", "messages")
	var files [2]os.FileInfo
	for i := range files {
		_, err := newSequence(state).next(t.Context(), "host", 1)
		if err == nil {
			files[i], err = os.Stat(filepath.Join(state, "seq.json"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if os.SameFile(files[0], files[1]) {
		t.Error("the file was overwritten in place")
	}
	var counters map[string]uint64
	line, _, _ := strings.Cut(mustRead(t, filepath.Join(state, "seq.json")), "\n")
	if err := json.Unmarshal([]byte(line), &counters); err != nil || counters["host"] != 2 {
		t.Errorf("got %v, %v", counters, err)
	}
	modes(t, state, 0o700, filepath.Join(state, "seq.json"), 0o600, filepath.Join(state, "seq.lock"), 0o600)
}

// A run keeps the counters open, and sees all the same what others do to them.
func TestARunSeesWhatOthersCount(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	one, other := newSequence(state), newSequence(state)
	for n := uint64(1); n < 120; n += 4 { // each uses leases that the other takes
		mustTake(t, one, n, n+2)
		mustTake(t, other, n+3, n+3)
	}
	if err := other.giveBack(); err != nil {
		t.Fatal(err)
	}
	mustTake(t, one, 121, 121)
	mustWrite(t, filepath.Join(state, "seq.json"), []byte(`{"host":500}`))
	mustTake(t, one, 501, 502)
	mustTake(t, newSequence(state), 503, 504)
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	mustTake(t, one, 1, 2)
	mustTake(t, newSequence(state), 3, 4)
	mustTake(t, one, 5, 5)
}

// modes checks pairs of path and mode.
func modes(t *testing.T, pairs ...any) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		info, err := os.Stat(pairs[i].(string))
		if err != nil {
			t.Error(err)
		} else if want := os.FileMode(pairs[i+1].(int)); info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, not %04o", pairs[i], info.Mode().Perm(), want)
		}
	}
}
