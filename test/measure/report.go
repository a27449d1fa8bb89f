package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// report is everything that was measured; a part that was not is nil.
type report struct {
	Plan     plan             `json:"plan"`
	Machine  machine          `json:"machine"`
	Agent    *agentFigures    `json:"agent,omitempty"`
	Start    *startFigures    `json:"start,omitempty"`
	Ingest   *ingestFigures   `json:"ingest,omitempty"`
	Patterns *patternsFigures `json:"patterns,omitempty"`
	Latency  *latencyFigures  `json:"latency,omitempty"`
	Many     *manyFigures     `json:"many,omitempty"`
	Truth    *truthFigures    `json:"truth,omitempty"`
	Curve    *curveFigures    `json:"curve,omitempty"`
	Node     *nodeFigures     `json:"node,omitempty"`
	Signed   *signedFigures   `json:"signed,omitempty"`
	Crowds   *crowdsFigures   `json:"crowds,omitempty"`
	Beside   *besideFigures   `json:"beside,omitempty"`
	Growth   *growthFigures   `json:"growth,omitempty"`
	Idle     *idleFigures     `json:"idle,omitempty"`
	Swarm    *swarmFigures    `json:"swarm,omitempty"`
	Runs     *runsFigures     `json:"runs,omitempty"`
}

func (r report) writeJSON(to io.Writer) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeText prints medians, with the smallest and the largest figure behind
// them, and what they say about each other.
func (r report) writeText(to io.Writer) error {
	var b strings.Builder
	r.Machine.write(&b)
	for _, part := range []struct {
		measured bool
		write    func()
	}{
		{r.Agent != nil, func() { r.Agent.write(&b) }},
		{r.Start != nil, func() { r.Start.write(&b) }},
		{r.Ingest != nil, func() { r.Ingest.write(&b, r.Machine) }},
		{r.Patterns != nil, func() { r.Patterns.write(&b, r.Machine) }},
		{r.Latency != nil, func() { r.Latency.write(&b) }},
		{r.Many != nil, func() { r.Many.write(&b) }},
		{r.Truth != nil, func() { r.Truth.write(&b) }},
		{r.Curve != nil, func() { r.Curve.write(&b) }},
		{r.Node != nil, func() { r.Node.write(&b) }},
		{r.Signed != nil, func() { r.Signed.write(&b) }},
		{r.Crowds != nil, func() { r.Crowds.write(&b) }},
		{r.Beside != nil, func() { r.Beside.write(&b) }},
		{r.Growth != nil, func() { r.Growth.write(&b) }},
		{r.Idle != nil, func() { r.Idle.write(&b) }},
		{r.Swarm != nil, func() { r.Swarm.write(&b) }},
		{r.Runs != nil, func() { r.Runs.write(&b) }},
	} {
		if part.measured {
			part.write()
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func (m machine) write(b *strings.Builder) {
	fmt.Fprintf(b, "%d cores (%s), %s, files on %s\n", m.Cores, m.Processor, m.Kernel, m.FileSystem)
	fmt.Fprintf(b, "%s, %s, Python %s\n", m.Module, m.Listener, m.Python)
	fmt.Fprintf(b, "%s, built here with %s, libzmq %s\n", m.Agent, m.Go, m.Zmq)
	if m.OtherCores > 0.05 {
		fmt.Fprintf(b, "DISTURBED: other programs kept %.2f cores busy meanwhile\n", m.OtherCores)
	}
}

func (f agentFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n1. One run of cf-agent, %d rounds\n\n", f.None.CPU.N)
	row(b, "", "CPU ms", "wall ms")
	for _, line := range []struct {
		name string
		of   runFigures
	}{
		{"no messaging", f.None},
		{"messages: promise, signed", f.Messages},
		{"commands: promise, python3-zmq, bare", f.Commands},
		{"added by messages:", f.AddedByMessages},
		{"added by commands:", f.AddedByCommands},
	} {
		row(b, line.name, line.of.CPU.text(1), line.of.Wall.text(1))
	}
	row(b, "messages: / commands:, added", ratio(f.AddedRatio.CPU)+" (aim: 0.20)", ratio(f.AddedRatio.Wall))
	row(b, "messages: / commands:, whole run", ratio(f.WholeRatio.CPU), ratio(f.WholeRatio.Wall))
}

func (f startFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n2. Start of the module until its header is read, %d starts\n\n", f.Module.N)
	row(b, "", "wall ms", "p95 ms")
	row(b, "module (aim: 5)", f.Module.text(2), fmt.Sprintf("%.2f", f.Module.P95))
	row(b, "process that does nothing", f.Nothing.text(2), fmt.Sprintf("%.2f", f.Nothing.P95))
	row(b, "module / nothing", ratio(f.Ratio), "")
}

func (f ingestFigures) write(b *strings.Builder, m machine) {
	rounds := f.Disk.Rate.N
	fmt.Fprintf(b, "\n3. Signed messages acknowledged, that is on disk; %d rounds of up to %d messages of %d bytes\n", rounds, f.Signed, f.Bytes)
	fmt.Fprintf(b, "   Load and listener share the %d cores.\n", m.Cores)
	for _, l := range f.Loads {
		l.write(b, f, m.OtherCores)
	}
	b.WriteString("\n")
	row(b, "disk: 4 KiB appended and fdatasync", f.Disk.Rate.text(0)+"/s", fmt.Sprintf("p50 %.0f, p99 %.0f µs", f.Disk.P50.Median, f.Disk.P99.Median))
	row(b, "open, validate, seal the receipt", fmt.Sprintf("%.1f + %.1f + %.1f = %.1f CPU µs", f.Parts.Open, f.Parts.Validate, f.Parts.Seal, f.Parts.sum()), "")
}

func (l loadFigures) write(b *strings.Builder, f ingestFigures, others float64) {
	b.WriteString("\n")
	row(b, clients(l.Clients), "listener", "bare echo")
	for _, line := range []struct {
		name   string
		of     func(serverFigures) spread
		digits int
	}{
		{"messages/s", func(s serverFigures) spread { return s.Rate }, 0},
		{"p50 µs", func(s serverFigures) spread { return s.P50 }, 0},
		{"p99 µs", func(s serverFigures) spread { return s.P99 }, 0},
		{"server's CPU µs per message", func(s serverFigures) spread { return s.CPU }, 1},
		{"load's CPU µs per message", func(s serverFigures) spread { return s.Load }, 1},
		{"cores used by both", func(s serverFigures) spread { return s.Cores }, 2},
	} {
		row(b, line.name, line.of(l.Listener).text(line.digits), line.of(l.Echo).text(line.digits))
	}
	row(b, "commits/s", l.Listener.Commit.text(0), "")
	for _, sentence := range l.bounds(f, others) {
		fmt.Fprintf(b, "   %s\n", sentence)
	}
}

func clients(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

// row is a line of a table: a name and two columns.
func row(b *strings.Builder, name, one, two string) {
	fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf("   %-38s %-30s %s", name, one, two), " "))
}

// columns is a line of a table of many columns.
func columns(b *strings.Builder, name string, texts ...string) {
	line := fmt.Sprintf("   %-38s", name)
	for _, text := range texts {
		line += fmt.Sprintf(" %-17s", text)
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}

func (s spread) text(digits int) string {
	if s.N < 2 {
		return fmt.Sprintf("%.*f", digits, s.Median)
	}
	return fmt.Sprintf("%.*f (%.*f-%.*f)", digits, s.Median, digits, s.Min, digits, s.Max)
}

func ratio(x float64) string { return fmt.Sprintf("%.2f", x) }
