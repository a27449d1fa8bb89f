package publish

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// BenchmarkRound is what site data cost that concern every host: of each, asking for
// its view, sealing, encrypting and noting it, and how much of one processor that
// takes while it goes on.
func BenchmarkRound(b *testing.B) {
	const n = 2000
	s := newSite(b)
	s.must(s.Close())
	s.change = func(o *Options) {
		o.Keys = func(hostkey.Digest) (*hostkey.PublicKey, bool) { return hosts().a.Public(), true }
	}
	s.start()
	s.later()
	s.say(hosts().a, "host", `{"uqhost":"one","domain":"example.com"}`)
	for i := range n {
		s.Subscribed(fmt.Sprintf("host_context.SHA=%064x", i), true)
	}
	for range n {
		s.next()
	}
	round := 0
	began, cpu := time.Now(), used()
	for b.Loop() {
		round++
		s.say(hosts().hub, "domain", fmt.Sprintf(`{"domain":"","location":"%d"}`, round))
		for range n {
			s.next()
		}
	}
	each := (used() - cpu) / time.Duration(round*n)
	b.ReportMetric(float64(each.Microseconds()), "cpu-µs/host")
	b.ReportMetric(100*float64(used()-cpu)/float64(time.Since(began)), "%of-one-cpu")
}

func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
