package handler

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// Rotation under load loses no line and writes none twice.
func TestFileRotationUnderLoad(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	path := filepath.Join(t.TempDir(), "f.jsonl")
	o := options(t, q, state)
	o.Tries, o.Backoff = 1000, time.Millisecond // rotated so fast, a line may have to be tried again
	r := mustStart(t, mustFile(t, path), o)

	const messages = 4000
	var putting sync.WaitGroup
	putting.Go(func() {
		for i := range messages {
			if err := q.Put(stored(fmt.Sprint("m", i)), func(queue.Stored) { r.Wake() }); err != nil {
				t.Error(err)
			}
		}
	})
	var paths []string
	for n := 0; r.Status().Position < messages; n++ {
		time.Sleep(time.Millisecond)
		old := fmt.Sprint(path, ".", n)
		switch err := os.Rename(path, old); {
		case err == nil:
			paths = append(paths, old)
		case !os.IsNotExist(err):
			t.Fatal(err)
		}
		if n%3 == 0 {
			r.Reopen()
		}
	}
	putting.Wait()
	mustClose(t, r)
	if _, err := os.Stat(path); err == nil {
		paths = append(paths, path)
	}
	checkOnce(t, lines(t, paths...), messages)
	t.Logf("%d rotations", len(paths))
}

func checkOnce(t *testing.T, got []string, messages int) {
	t.Helper()
	times := map[string]int{}
	for _, line := range got {
		times[line]++
	}
	for i := range messages {
		if n := times[container(fmt.Sprint("m", i))]; n != 1 {
			t.Errorf("m%d is there %d times", i, n)
		}
	}
	if len(got) != messages {
		t.Errorf("%d lines", len(got))
	}
}
