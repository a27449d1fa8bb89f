package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/webhuis/cfengine-messages/queue"
)

// crowdsFigures are a listener under loads of many kinds: messages that are
// acknowledged, that is on disk, each listener with an empty queue and its truth
// kept up beside.
type crowdsFigures struct {
	Disk diskFigures   `json:"disk"`
	Rows []crowdFigure `json:"loads"`
}

type crowdFigure struct {
	Kind        string  `json:"kind"`
	Bytes       int     `json:"bytes"`     // of a message as it travels
	UnderWay    int     `json:"under_way"` // at most; those of an open load are as many as it takes
	Connections int     `json:"connections"`
	Offered     float64 `json:"offered_per_s,omitempty"` // of an open load
	serverFigures
	Bound string `json:"bound"`
}

// crowdRow is a load that is to be measured.
type crowdRow struct {
	kind        string
	of          *envelopes
	underWay    int
	connections int
	rate        float64
	reply       string
}

const (
	openRate = 20_000
	lists    = 8_000 // messages of 5 KB; of 200 KB a 20th
)

// crowdEnvelopes are what the loads send.
type crowdEnvelopes struct{ facts, bare, lists, longs envelopes }

func (s *stage) measureCrowds(ctx context.Context) (f crowdsFigures, err error) {
	e, err := s.crowdEnvelopes(ctx)
	if err != nil {
		return f, err
	}
	rows := crowdRows(e)
	cells, err := s.crowdCells(rows)
	if err != nil {
		return f, err
	}
	var disk diskRounds
	if err := disk.add(s.measureDisk()); err != nil {
		return f, err
	}
	before := busyTime()
	runs, err := s.rounds(ctx, "loads", s.CrowdRounds, cells)
	others := before.others()
	if err = errors.Join(err, disk.add(s.measureDisk())); err != nil {
		return f, err
	}
	f.Disk = disk.figures()
	for i, row := range rows {
		figures := serverFiguresOf(runs[i])
		f.Rows = append(f.Rows, crowdFigure{
			Kind: row.kind, Bytes: len(row.of.frames[0]), UnderWay: row.underWay, Connections: row.connections, Offered: row.rate,
			serverFigures: figures, Bound: row.bound(figures, f.Disk, others),
		})
	}
	return f, nil
}

func (s *stage) crowdEnvelopes(ctx context.Context) (e crowdEnvelopes, err error) {
	if e.facts, err = s.signed(ctx); err != nil {
		return e, err
	}
	if e.bare, err = bare(len(e.facts.frames)); err != nil {
		return e, err
	}
	for _, large := range []struct {
		of       *envelopes
		n, bytes int
	}{{&e.lists, lists, 5_000}, {&e.longs, lists / 20, 200_000}} {
		n := min(large.n, large.n*s.Messages/usual.Messages)
		if *large.of, err = signAll(ctx, n, s.signing, func(i int) (string, []byte, error) {
			return newList(i, large.bytes, s.pairs[i%len(s.pairs)])
		}); err != nil {
			return e, err
		}
	}
	return e, nil
}

// crowdRows are all loads: in few connections and in many, as many as messages
// under way up to 1024.
func crowdRows(e crowdEnvelopes) []crowdRow {
	rows := []crowdRow{
		{"signed", &e.facts, 1, 1, 0, ""},
		{"signed", &e.facts, 16, 1, 0, ""},
		{"signed", &e.facts, 16, 16, 0, ""},
		{"signed", &e.facts, 256, 1, 0, ""},
		{"signed", &e.facts, 256, 256, 0, ""},
		{"signed", &e.facts, 4096, 1, 0, ""},
		{"signed", &e.facts, 4096, 1024, 0, ""},
	}
	for _, n := range []int{1, 16, 256, 1024} {
		rows = append(rows, crowdRow{"unsigned", &e.bare, max(n, n/1024*4096), n, 0, ""})
	}
	for _, n := range []int{1, 16, 256} {
		rows = append(rows, crowdRow{"signed, 5 KB", &e.lists, n, n, 0, ""})
	}
	for _, n := range []int{1, 16, 256} {
		rows = append(rows, crowdRow{"signed, 200 KB", &e.longs, n, n, 0, ""})
	}
	return append(rows,
		crowdRow{"signed, its view in the receipt", &e.facts, 256, 256, 0, "host_context"},
		crowdRow{"signed, as they are due", &e.facts, openRate, 256, openRate, ""})
}

func (s *stage) crowdCells(rows []crowdRow) ([]cell, error) {
	files := map[*envelopes]string{}
	cells := make([]cell, len(rows))
	for i, row := range rows {
		var err error
		if files[row.of] == "" {
			if files[row.of], err = s.writeFrames(fmt.Sprintf("frames-%d", i), row.of.frames); err != nil {
				return nil, err
			}
		}
		cells[i] = cell{
			cheap: cheap{
				frames: files[row.of], connections: row.connections, window: row.underWay, rate: row.rate, lasts: s.crowd,
				warm: min(row.connections, len(row.of.frames)/4),
			},
			serving: serving{reply: row.reply}, envelopes: *row.of,
		}
		if row.reply != "" {
			cells[i].fill = fillSite
		}
	}
	return cells, nil
}

// fillSite puts into a queue what the hub of a large site says, and what it says
// of the domain and the role of those who send.
func fillSite(folder string) (err error) {
	site := newSite(0)
	said := site.siteData()
	hub := said[0].by
	for schema, content := range map[string]string{
		"domain":   `{"domain":"webhuis.nl","contact":"hostmaster@webhuis.nl","location":"Amsterdam, AMS4","environment":"production","mail_relay":"smtp.webhuis.nl"}`,
		"dns":      `{"domain":"webhuis.nl","nameservers":["192.0.2.53","198.51.100.53"],"search":["webhuis.nl"]}`,
		"timezone": `{"domain":"webhuis.nl","timezone":"Europe/Amsterdam"}`,
		"ldap":     `{"domain":"webhuis.nl","uris":["ldap://ldap.webhuis.nl"],"base":"dc=webhuis,dc=nl"}`,
		"role":     `{"domain":"","role":"x2gvdt","packages":["x2goserver","xfce4"],"classes":["terminal_server"]}`,
	} {
		said = append(said, spoken{hub, schema, content})
	}
	q, err := queue.Open(folder, queue.Options{Waiting: crowd, WaitingBytes: 1 << 30})
	if err != nil {
		return err
	}
	t := &truthStage{site: site, queue: q, wake: func() {}}
	_, err = t.put(func(i int) spoken { return said[i] }, len(said))
	return errors.Join(err, q.Close())
}

// bound names what is used up. others is how many cores other programs kept busy.
func (r crowdRow) bound(s serverFigures, disk diskFigures, others float64) string {
	switch {
	case r.rate > 0 && s.Rate.Median > 0.98*r.rate:
		return "the load"
	case r.underWay == 1:
		return "one turn after the other"
	case s.Cores.Median > 0.85*float64(cores()):
		return "processors"
	case s.Cores.Median+others > 0.85*float64(cores()):
		return "processors, and others in them"
	case s.Commit.Median > 0.7*disk.Rate.Median:
		return "disk"
	}
	return "neither processors nor disk alone"
}

func (f crowdsFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n11. Messages acknowledged, that is on disk, by a cheap load; %d rounds\n\n", f.Rows[0].Rate.N)
	kind := ""
	for _, r := range f.Rows {
		if r.Kind != kind {
			kind = r.Kind
			columns(b, fmt.Sprintf("%s (%d bytes)", kind, r.Bytes), "messages/s", "CPU µs", "p50 µs", "p99 µs", "load's CPU µs", "peak MiB", "bound by")
		}
		r.write(b)
	}
	b.WriteString("\n")
	row(b, "disk: 4 KiB appended and fdatasync", f.Disk.Rate.text(0)+"/s", fmt.Sprintf("p50 %.0f, p99 %.0f µs", f.Disk.P50.Median, f.Disk.P99.Median))
}

func (r crowdFigure) write(b *strings.Builder) {
	name := fmt.Sprintf("%d under way over %d", r.UnderWay, r.Connections)
	if r.Offered > 0 {
		name = fmt.Sprintf("%.0f/s over %d", r.Offered, r.Connections)
	}
	columns(b, name, r.Rate.text(0), r.CPU.text(1), fmt.Sprintf("%.0f", r.P50.Median), fmt.Sprintf("%.0f", r.P99.Median),
		fmt.Sprintf("%.1f", r.Load.Median), fmt.Sprintf("%.0f", r.Memory.Median), r.Bound)
}
