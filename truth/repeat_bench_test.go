package truth

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/queue"
)

// BenchmarkRepeat is what a message costs whose sender says again what it said: of
// 100000 hosts each by two schemas, 100000 messages of any of them, in batches of so
// many. What it takes to put them is not counted.
func BenchmarkRepeat(b *testing.B) {
	const hosts, some = 100_000, 100_000
	for _, batch := range []int{2_000, 20_000, 100_000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			s := newState(b)
			random := rand.New(rand.NewPCG(1, 2))
			for n := range 2 * hosts {
				must(b, s.queue.Put(s.repeated(n), nil))
			}
			s.put(s.repeated(0))
			o := s.options()
			o.Batch = batch
			must(b, build(b.Context(), s.folder, file, o.withDefaults(), func(int64, int64) {}))
			truth, err := open(s.folder, file, o)
			must(b, err)
			repeat := func() time.Duration {
				b.StopTimer()
				messages := make([]queue.Message, some)
				for i := range messages {
					messages[i] = s.repeated(random.IntN(2 * hosts))
				}
				s.put(messages...)
				b.StartTimer()
				before := processorTime(b)
				must(b, truth.applyAll(b.Context(), func(int64, int64) {}))
				return processorTime(b) - before
			}
			repeat() // what was read once is known
			var used time.Duration
			for b.Loop() {
				used += repeat()
			}
			must(b, truth.release())
			b.ReportMetric(float64(used.Nanoseconds())/1e3/some/float64(b.N), "CPU-µs/message")
		})
	}
}

// repeated is what the n-th of the hosts' entities says each time, signed in form.
func (s *state) repeated(n int) queue.Message {
	schema := []string{"alpha", "odd"}[n%2]
	m := s.said(fmt.Sprintf("SHA=%064x", n/2), schema, fact(n), noon.Unix()+int64(s.n/1000), uint64(s.n+1))
	m.MessageID = fmt.Sprintf("0198c5f2-7c1e-7b52-9f0a-%012x", s.n)
	m = framed(m, fact(n))
	m.Frame = []byte(strings.Repeat("h", 180) + "." + base64.RawURLEncoding.EncodeToString(m.Frame) + "." + strings.Repeat("s", 342))
	return m
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
