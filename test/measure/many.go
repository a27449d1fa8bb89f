package main

import (
	"context"
	"fmt"
	"strings"
)

// manyFigures are runs of cf-agent with one promise and with many, all to one
// endpoint, in milliseconds. The aim: many cost at most twice the wall time of
// one and as many fsyncs.
type manyFigures struct {
	One   runFigures `json:"one_request"`
	Many  runFigures `json:"fifty_request"`
	Async runFigures `json:"fifty_async_request"`

	Append  spread  `json:"append_fdatasync_ms"` // the fsync of the aim: 4 KiB appended and fdatasync
	Replace spread  `json:"replace_ms"`          // a file as the module writes it: fsync, rename, fsync of the folder
	Sign    float64 `json:"sign_cpu_ms"`

	ToAim      float64 `json:"fifty_request_to_aim"`
	AsyncToAim float64 `json:"fifty_async_request_to_aim"`
}

const many = 50

// What a promise with repeat => "always" puts on disk, beside the listener's
// commit: for async_request the module replaces a file, the message itself
// (outbox/), which takes two fsyncs. The counter (seq.json) is replaced only a
// few times in a run.
const (
	replacedByRequest = 0
	replacedByAsync   = 1
)

func (s *stage) measureMany(ctx context.Context) (f manyFigures, err error) {
	l, err := s.startListener(ctx, "request", "")
	if err != nil {
		return f, err
	}
	defer l.remove()
	policies := []struct {
		name, pattern string
		promises      int
	}{{"one", "request", 1}, {"many", "request", many}, {"many-async", "async_request", many}}
	runs, files := make([]agentRuns, len(policies)), make([]string, len(policies))
	for i, p := range policies {
		if files[i], err = s.writePolicy(ctx, p.name, manyPromises(p.promises, p.pattern, l.endpoint)); err != nil {
			return f, err
		}
	}
	var disk, replaced []float64
	sent := 0
	for round := range s.ManyRounds + 1 {
		progress("many promises", round, s.ManyRounds)
		for i, p := range policies {
			cpu, wall, err := s.runAgent(ctx, files[i], "")
			if err != nil {
				return f, err
			}
			sent += p.promises
			if round > 0 { // the first one warms up
				runs[i].cpu, runs[i].wall = append(runs[i].cpu, cpu), append(runs[i].wall, wall)
			}
		}
		if disk, replaced, err = s.diskRound(disk, replaced); err != nil {
			return f, err
		}
	}
	f = manyFigures{One: runs[0].figures(), Many: runs[1].figures(), Async: runs[2].figures(), Append: spreadOf(disk), Replace: spreadOf(replaced)}
	sign, err := s.measureSign()
	if err != nil {
		return f, err
	}
	f.Sign = sign / 1000
	aim := f.aim()
	f.ToAim, f.AsyncToAim = f.Many.Wall.Median/aim, f.Async.Wall.Median/aim
	return f, l.holds(ctx, int64(sent))
}

// diskRound adds what many appends, and many replacements, took on average.
func (s *stage) diskRound(disk, replaced []float64) ([]float64, []float64, error) {
	appended, err := s.measureAppends(many)
	if err != nil {
		return nil, nil, err
	}
	written, err := s.measureReplacements(many)
	return append(disk, mean(appended)/1000), append(replaced, mean(written)/1000), err
}

// manyPromises are messages of their own to the same endpoint.
func manyPromises(n int, pattern, endpoint string) string {
	var b strings.Builder
	b.WriteString("\n  messages:\n")
	for i := range n {
		fmt.Fprintf(&b, `    "message_%02d"
      schema => "host",
      content => '{"uqhost":"x2gvdt%04[1]d","domain":"webhuis.nl","role":"x2gvdt"}',
      pattern => "%s",
      repeat => "always",
      to => "%s";

`, i+1, pattern, endpoint)
	}
	return b.String()
}

// aim is the wall time that issue 3 allows: twice that of one promise and an
// fsync each.
func (f manyFigures) aim() float64 { return 2*f.One.Wall.Median + many*f.Append.Median }

func (f manyFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n6. %d promises to one endpoint in one run of cf-agent; %d rounds\n\n", many, f.One.Wall.N)
	row(b, "", "CPU ms", "wall ms")
	for _, line := range []struct {
		name string
		of   runFigures
	}{
		{"1 promise, request", f.One},
		{"50 promises, request", f.Many},
		{"50 promises, async_request", f.Async},
	} {
		row(b, line.name, line.of.CPU.text(1), line.of.Wall.text(1))
	}
	row(b, "disk: 4 KiB appended and fdatasync", "", f.Append.text(2))
	row(b, "disk: a file replaced, two fsyncs", "", f.Replace.text(2))
	row(b, "50 request / (2 x 1 + 50 fdatasyncs)", "", fmt.Sprintf("%.2f (aim: 1.00)", f.ToAim))
	row(b, "50 async_request / the same", "", ratio(f.AsyncToAim))
	f.writeShare(b, "request", f.Many, replacedByRequest)
	f.writeShare(b, "async_request", f.Async, replacedByAsync)
}

// writeShare tells what a promise beyond the first one costs, and what it does
// that takes time.
func (f manyFigures) writeShare(b *strings.Builder, pattern string, of runFigures, files int) {
	const more = many - 1
	fmt.Fprintf(b, "   Each %s more: %.2f ms, %.2f of it CPU. Its module signs (%.2f CPU) and replaces files: %d (%d fsyncs, %.2f on the disk alone);\n",
		pattern, (of.Wall.Median-f.One.Wall.Median)/more, (of.CPU.Median-f.One.CPU.Median)/more, f.Sign, files, 2*files, float64(files)*f.Replace.Median)
	fmt.Fprintf(b, "   the listener commits once (%.2f), and the rest is the two turns with cf-agent and the one with the listener.\n", f.Append.Median)
}
