package main

import (
	"testing"
)

// BenchmarkDrain is what a message of the outbox costs a node that sends what
// waits: 10,000 of them, to a listener that answers at once.
func BenchmarkDrain(b *testing.B) {
	const n = 10_000
	for range b.N {
		b.StopTimer()
		m := newNode(b)
		endpoint := listen(b, func(frame []byte) []byte { return bareReceipt(b, stored, idOf(frame)) })
		fill(b, m, endpoint, n)
		b.StartTimer()
		m.takeUpBacklog(usualSettings)
		m.Terminate(b.Context())
		b.StopTimer()
		if all, _, _ := outboxEntries(m.work.state()); len(all) > 0 {
			b.Fatalf("%d wait", len(all))
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "messages/s")
}

// fill puts signed messages into the outbox, all under one number.
func fill(tb testing.TB, m *messages, endpoint string, n int) {
	tb.Helper()
	j := mustJob(tb, m, map[string]string{"to": quoted(endpoint), "repeat": `"always"`})
	var all []parcel
	for range n {
		p := parcel{}
		var err error
		if p, err = m.sealed(j, p, j.content, 1, m.now()); err != nil {
			tb.Fatal(err)
		}
		all = append(all, p)
	}
	if _, err := m.keepWaiting(j, all, nil); err != nil {
		tb.Fatal(err)
	}
}
