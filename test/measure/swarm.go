package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// swarmFigures are many nodes against one listener, each with a key of its own and
// a new connection for its message. The aims: 100,000 nodes in 5 minutes with CURVE
// take at most a quarter of the machine, p99 of a receipt under 50 ms; a million in
// 5 minutes without CURVE are held; nothing is lost, else there are no figures.
type swarmFigures struct {
	Nodes int          `json:"nodes"` // with keys that the listener trusts
	Trust trustFigures `json:"trust"`
	Curve swarmFigure  `json:"curve"`
	Plain swarmFigure  `json:"plain"`
}

type swarmFigure struct {
	Offered  float64 `json:"nodes_per_s"`
	Messages int     `json:"messages"`
	Share    float64 `json:"listener_share_of_machine"`
	Both     float64 `json:"share_of_machine_with_load"`
	serverFigures
}

// trustFigures are what it takes to know so many keys.
type trustFigures struct {
	Keys   int     `json:"keys"`
	Load   float64 `json:"load_cpu_ms"`   // when the folder is read first
	Reload float64 `json:"reload_cpu_ms"` // when nothing has changed; at least every 30 s
	Heap   float64 `json:"heap_mib"`
}

const (
	curveRate = 100_000.0 / 300
	plainRate = 1_000_000.0 / 300
	atOnce    = 512 // connections of the load
)

func (s *stage) measureSwarm(ctx context.Context) (f swarmFigures, err error) {
	folder, e, err := s.makeSwarm(ctx)
	if err != nil {
		return f, err
	}
	f.Nodes = len(e.frames)
	if f.Trust, err = measureTrust(folder); err != nil {
		return f, err
	}
	if f.Curve, err = s.swarm(ctx, e, folder, "any", curveRate, s.swarmLasts); err != nil {
		return f, fmt.Errorf("with CURVE: %w", err)
	}
	f.Plain, err = s.swarm(ctx, e, folder, "", plainRate, s.swarmLasts)
	return f, err
}

// makeSwarm makes the nodes' keys, and a message of each.
func (s *stage) makeSwarm(ctx context.Context) (folder string, e envelopes, err error) {
	folder = filepath.Join(s.dir, "swarm")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", e, err
	}
	for _, name := range []string{"localhost.priv", "localhost.pub"} {
		key, err := os.ReadFile(filepath.Join(s.keys(), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), key, 0o600)
		}
		if err != nil {
			return "", e, err
		}
	}
	keys, err := newSwarmKeys(ctx, s.Nodes)
	if err != nil {
		return "", e, err
	}
	e, err = signAll(ctx, s.Nodes, s.swarmSigning, func(i int) (string, []byte, error) {
		pair, err := keys.pair(i)
		if err == nil {
			err = trust(folder, pair.Public())
		}
		if err != nil {
			return "", nil, err
		}
		return newEnvelope(i, pair)
	})
	return folder, e, err
}

func measureTrust(folder string) (f trustFigures, err error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	used := usedBy(syscall.RUSAGE_SELF)
	t, err := hostkey.OpenTrust(folder)
	if err != nil {
		return f, err
	}
	defer t.Close()
	f.Load = milliseconds(usedBy(syscall.RUSAGE_SELF) - used)
	runtime.GC()
	runtime.ReadMemStats(&after)
	f.Heap = (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / (1 << 20)
	f.Keys = len(t.Keys())
	used = usedBy(syscall.RUSAGE_SELF)
	err = t.Reload()
	f.Reload = milliseconds(usedBy(syscall.RUSAGE_SELF) - used)
	return f, errors.Join(append(t.Problems(), err)...)
}

func (s *stage) swarm(ctx context.Context, e envelopes, folder, curve string, rate float64, lasts time.Duration) (f swarmFigure, err error) {
	e = e.first(min(len(e.frames), int(rate*lasts.Seconds())))
	file, err := s.writeFrames("swarm-frames", e.frames)
	if err != nil {
		return f, err
	}
	runs, err := s.rounds(ctx, "swarm", 1, []cell{{
		serving: serving{curve: curve, keys: folder}, envelopes: e,
		cheap: cheap{frames: file, swarm: true, window: atOnce, rate: rate, lasts: lasts + patience},
	}})
	if err != nil {
		return f, err
	}
	r := runs[0][0]
	machine := r.took.Seconds() * float64(cores())
	return swarmFigure{
		Offered: rate, Messages: r.has, Share: r.peer.Seconds() / machine, Both: (r.peer + r.own).Seconds() / machine,
		serverFigures: serverFiguresOf(runs[0]),
	}, nil
}

func (f swarmFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n15. A swarm of %d nodes with keys of their own, each message over a new connection\n\n", f.Nodes)
	columns(b, "", "messages/s", "CPU µs", "p50 µs", "p99 µs", "load's CPU µs", "share of machine", "with the load", "peak MiB")
	for _, line := range []struct {
		name string
		of   swarmFigure
	}{
		{"CURVE, 100,000 in 5 minutes", f.Curve},
		{"plain, 1,000,000 in 5 minutes", f.Plain},
	} {
		columns(b, fmt.Sprintf("%s: %d", line.name, line.of.Messages), line.of.Rate.text(0), line.of.CPU.text(0),
			fmt.Sprintf("%.0f", line.of.P50.Median), fmt.Sprintf("%.0f", line.of.P99.Median), fmt.Sprintf("%.0f", line.of.Load.Median),
			ratio(line.of.Share), ratio(line.of.Both), fmt.Sprintf("%.0f", line.of.Memory.Median))
	}
	row(b, "aims: CURVE 0.25 of the machine, p99 50 ms; nothing lost of either", "", "")
	fmt.Fprintf(b, "   %d trusted keys: %.0f CPU ms to read, %.0f to see that nothing changed, %.0f MiB.\n",
		f.Trust.Keys, f.Trust.Load, f.Trust.Reload, f.Trust.Heap)
}
