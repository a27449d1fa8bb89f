package handler

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// benchmark leads b.N messages, all stored before, to h.
func benchmark(b *testing.B, h Handler) {
	state := b.TempDir()
	q := mustOpen(b, state)
	o := options(b, q, state)
	mustClose(b, mustStart(b, h, o)) // the cursor is at 0
	var waiting sync.WaitGroup
	for i := range b.N {
		m := stored(fmt.Sprint("m", i))
		m.Frame = fmt.Appendf(nil, "%s%900s", m.Frame, "")
		waiting.Add(1)
		for q.Put(m, func(queue.Stored) { waiting.Done() }) != nil {
			time.Sleep(time.Millisecond) // full
		}
	}
	waiting.Wait()
	b.ResetTimer()
	r := mustStart(b, h, o)
	untilPosition(b, r, int64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkFile(b *testing.B) {
	benchmark(b, mustFile(b, filepath.Join(b.TempDir(), "f")))
}

func BenchmarkForward(b *testing.B) {
	benchmark(b, NewForward("x", func(context.Context, queue.Message) error { return nil }))
}

func BenchmarkExec(b *testing.B) {
	e, err := NewExec([]string{"/bin/true"}, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, e)
}
