package main

import (
	"fmt"
	"strings"
)

func (f truthFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n7. The truth of %d hosts, a site's domains, roles, DNS, time zones and LDAP with it\n", f.Hosts)
	b.WriteString("   Messages of signed form and size straight into the queue; truth and views do not look at signatures.\n\n")
	row(b, "", "messages/s", "CPU µs per message")
	for _, line := range []struct {
		name string
		of   rateFigures
	}{
		{"queue alone, to compare", f.Fill},
		{"rebuild (aim: 100000)", f.Rebuild},
		{"repeated state, alone (aim: 4 µs)", f.Repeated.Backlog},
	} {
		row(b, line.name, fmt.Sprintf("%.0f", line.of.Rate), fmt.Sprintf("%.1f, of %d", line.of.CPU, line.of.Messages))
	}
	row(b, "repeated state, beside the queue", fmt.Sprintf("%.0f", f.Repeated.Following),
		fmt.Sprintf("%.2f of the queue's time (aim: 1.00), %.0f ms after it", f.Repeated.Behind, f.Repeated.Lag))
	b.WriteString("\n")
	row(b, fmt.Sprintf("host_context, %.0f bytes", f.Idle.Bytes), "p50 µs", "p99 µs")
	row(b, "idle (aim: 200)", fmt.Sprintf("%.0f", f.Idle.P50), fmt.Sprintf("%.0f", f.Idle.P99))
	row(b, fmt.Sprintf("while %.0f messages/s arrive", f.Arriving.Rate), fmt.Sprintf("%.0f", f.Arrival.P50), fmt.Sprintf("%.0f", f.Arrival.P99))
	row(b, "under arrival / idle (aim: 2.00)", ratio(f.Arrival.P50/f.Idle.P50), "")
	row(b, fmt.Sprintf("by %d threads (aim: 25000 on two)", cores()), fmt.Sprintf("%.0f/s", f.Both), "")
}
