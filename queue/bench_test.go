package queue

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// BenchmarkFsync is what the disk gives: 4 KiB appended and synced, one after the
// other. Compare BenchmarkPut of the same run with it.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}

// BenchmarkPut has so many goroutines that each put a message of 900 bytes, wait
// until it is on disk, and put the next.
func BenchmarkPut(b *testing.B) {
	for _, waiters := range []int{1, 16, 256, 4096} {
		b.Run(fmt.Sprint(waiters), func(b *testing.B) { benchmarkPut(b, waiters, mustOpen(b, b.TempDir(), Options{})) })
	}
}

// BenchmarkPutWhilePruning is BenchmarkPut while as many messages leave as come,
// their ids being remembered; compare p50-ms and p99-ms with BenchmarkPut of the
// same run. cpu-µs/message is that of both, and pruned what left for each that came.
func BenchmarkPutWhilePruning(b *testing.B) {
	for _, waiters := range []int{1, 16, 256, 4096} {
		b.Run(fmt.Sprint(waiters), func(b *testing.B) {
			q := mustOpen(b, b.TempDir(), Options{})
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan int64)
			go func() { ended <- pruneBehind(ctx, q) }()
			benchmarkPut(b, waiters, q)
			stop()
			b.ReportMetric(float64(<-ended)/float64(b.N), "pruned")
		})
	}
}

// pruneBehind prunes the oldest, and then rests four times as long as that took.
func pruneBehind(ctx context.Context, q *Queue) (at int64) {
	for ctx.Err() == nil {
		began := time.Now()
		p := Pruning{Schema: "host"}
		for last := min(int64(q.Stats().Stored)-1, at+MaxPruning); at < last; {
			at++
			p.Positions = append(p.Positions, at)
		}
		if q.Prune(ctx, p) != nil {
			break
		}
		time.Sleep(max(time.Millisecond, 4*time.Since(began)))
	}
	return at
}

func benchmarkPut(b *testing.B, waiters int, q *Queue) {
	frame := make([]byte, 900)
	rand.Read(frame)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var group sync.WaitGroup
	cpu := processorTime(b)
	b.ResetTimer()
	for w := range waiters {
		m := message("")
		m.Sender, m.Frame = fmt.Sprintf("SHA=%064x", w), frame
		group.Go(func() {
			answer := make(chan Stored, 1)
			done := func(s Stored) { answer <- s }
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				m.ReceivedAt = time.Now()
				m.MessageID = uuid.Must(uuid.NewV7()).String()
				if err := q.Put(m, done); err != nil {
					b.Error(err)
					return
				}
				if s := <-answer; s.Err != nil || s.Duplicate {
					b.Errorf("%+v", s)
				}
				took[i-1] = time.Since(m.ReceivedAt)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/message")
	slices.Sort(took)
	s := q.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(s.Commits)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(s.Stored)/float64(s.Commits), "messages/commit")
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRead reads a log from its beginning, as the truth does when it is rebuilt.
func BenchmarkRead(b *testing.B) {
	folder := b.TempDir()
	q := mustOpen(b, folder, Options{Waiting: 1 << 20, WaitingBytes: 1 << 30})
	const all = 50_000
	for range all {
		m := message(uuid.Must(uuid.NewV7()).String())
		m.Frame = make([]byte, 900)
		if err := q.Put(m, nil); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, q)
	r := mustRead(b, folder)
	cpu := processorTime(b)
	for b.Loop() {
		for after := int64(0); after < all; {
			page, err := r.Messages(b.Context(), Filter{After: after})
			if err != nil || len(page) == 0 {
				b.Fatal(len(page), err)
			}
			after = page[len(page)-1].Position
		}
	}
	b.ReportMetric(all*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((processorTime(b)-cpu).Nanoseconds())/1e3/all/float64(b.N), "cpu-µs/message")
}
