package truth

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/webhuis/cfengine-messages/queue"
)

// fact is a content of 270 bytes, as hosts send it.
func fact(n int) string {
	return fmt.Sprintf(`{"name":"x2gvdt%06d","n":%d,"text":"%0200d"}`, n, n, n)
}

// BenchmarkProject applies a queue in which so many hosts spoke: what is new in
// it, and what replaces something, which becomes history.
func BenchmarkProject(b *testing.B) {
	for _, hosts := range []int{1_000, 20_000, 100_000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			s := newState(b)
			random := rand.New(rand.NewPCG(1, 2))
			const all = 100_000
			messages := make([]queue.Message, all)
			for i := range messages {
				n := random.IntN(hosts)
				messages[i] = s.said(fmt.Sprintf("SHA=%064x", n), "alpha", fact(n), int64(i), uint64(i+1))
				messages[i].Version = "1.1"
				messages[i] = framed(messages[i], fact(n))
			}
			s.put(messages...)
			for b.Loop() {
				must(b, Rebuild(b.Context(), s.folder, Options{Schemas: s.registry}, nil))
			}
			b.ReportMetric(all*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkFollow waits for each message until it is applied.
func BenchmarkFollow(b *testing.B) {
	s := newState(b)
	truth := s.open()
	for b.Loop() {
		position := s.put(s.said("SHA=1", "alpha", fact(1), int64(s.n), uint64(s.n)))
		truth.Wake()
		s.await(truth, position)
	}
}

// BenchmarkRead looks single hosts up among 20000.
func BenchmarkRead(b *testing.B) {
	s := newState(b)
	const hosts = 20_000
	messages := make([]queue.Message, hosts)
	for i := range messages {
		messages[i] = s.said(fmt.Sprintf("SHA=%064x", i), "alpha", fact(i), int64(i), 1)
	}
	s.put(messages...)
	s.apply()
	r := s.reader()
	sender := func(n int) string { return fmt.Sprintf("SHA=%064x", n*7919%hosts) }
	b.Run("Latest", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := r.Latest(b.Context(), "alpha", sender(n)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("View", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			rows, err := collect(b.Context(), r, scanText, "SELECT name, n FROM alpha WHERE entity = ?", sender(n))
			if err != nil || len(rows) != 1 {
				b.Fatal(rows, err)
			}
		}
	})
}

// BenchmarkTakeOver is what a rebuild beside a listener holds up: so many hosts, and
// as many messages of history.
func BenchmarkTakeOver(b *testing.B) {
	s := newState(b)
	const hosts = 100_000
	for i := range 2 * hosts {
		m := s.said(fmt.Sprintf("SHA=%064x", i%hosts), "alpha", fact(i), int64(i), 1)
		m.Version = "1.1"
		must(b, s.queue.Put(framed(m, fact(i)), nil))
	}
	s.put(s.said("SHA=1", "place", `{"domain":"d"}`, 1, 1))
	truth, err := open(s.folder, file, s.options().withDefaults())
	must(b, err)
	must(b, truth.applyAll(b.Context(), func(int64, int64) {}))
	for b.Loop() {
		b.StopTimer()
		must(b, build(b.Context(), s.folder, ready, s.options().withDefaults(), func(int64, int64) {}))
		b.StartTimer()
		_, err := truth.takeOverNow()
		must(b, err)
		must(b, removeFile(s.folder, taken.Name))
	}
	must(b, truth.release())
	info, err := os.Stat(s.folder + "/" + fileName)
	must(b, err)
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}
