package queue

import (
	"fmt"
	"testing"
)

// What a commit writes lies within the WAL as it was before, and is read although
// zeroes follow it.
func TestACommitMakesTheWALNoLonger(t *testing.T) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	tail := q.writer.tail
	if !tail.mayGrow() {
		t.Skip("the disk is nearly full")
	}
	const messages = 300 // some 3 MB, so it is made longer on the way
	last := int64(0)
	for i := range messages {
		size := make(chan int64, 1)
		err := q.Put(Message{MessageID: fmt.Sprintf("m%d", i), Frame: make([]byte, 700)}, func(Stored) {
			info, _ := tail.file.Stat() // in the committer, to whom tail belongs
			last = tail.size
			size <- info.Size() - tail.size
		})
		if err != nil {
			t.Fatal(err)
		}
		if by := <-size; by != 0 {
			t.Fatalf("message %d has made the WAL %d bytes longer", i, by)
		}
	}
	if last <= walAhead {
		t.Errorf("the WAL has %d bytes", last)
	}
	if c, err := mustRead(t, folder).Counts(t.Context()); err != nil || c.Messages != messages {
		t.Errorf("%d messages are read, %v", c.Messages, err)
	}
}
