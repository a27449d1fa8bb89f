package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/zmq"
)

// idleFigures are what nodes that are connected and say nothing cost the listener,
// beside a ROUTER of libzmq and nothing else (testdata/raw.c): anonymous resident
// memory, in KiB each. The aim: at most 1.1 times libzmq's own.
type idleFigures struct {
	Rows    []idleFigure `json:"connections"`
	TooMany int          `json:"too_many,omitempty"` // more than this system lets a process have
}

type idleFigure struct {
	Connections int     `json:"connections"`
	Curve       bool    `json:"curve"`
	Listener    float64 `json:"listener_kib"`
	Raw         float64 `json:"libzmq_kib"`
	Ratio       float64 `json:"ratio"`
	IdleCPU     float64 `json:"listener_idle_cpu_ms_per_s"` // of all together
}

func (s *stage) measureIdle(ctx context.Context) (f idleFigures, err error) {
	for i, n := range s.Idle {
		if uint64(n) > openFiles()*9/10 {
			f.TooMany = n
			continue
		}
		for j, curve := range []string{"", "any"} {
			progress("idle connections", 2*i+j, 2*len(s.Idle))
			row := idleFigure{Connections: n, Curve: curve != ""}
			if row.Listener, row.IdleCPU, err = s.idleListener(ctx, n, curve); err == nil {
				row.Raw, err = s.idleRaw(ctx, n, curve)
			}
			if err != nil {
				return f, fmt.Errorf("%d connections: %w", n, err)
			}
			row.Ratio = row.Listener / row.Raw
			f.Rows = append(f.Rows, row)
		}
	}
	progress("idle connections", 1, 1)
	return f, nil
}

// openFiles is how many a process may have here.
func openFiles() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Max
}

// idleListener looks at a listener that has worked before: what it needs for that
// is no connection's.
func (s *stage) idleListener(ctx context.Context, n int, curve string) (kib, cpu float64, err error) {
	e, err := s.signed(ctx)
	if err != nil {
		return 0, 0, err
	}
	file, err := s.writeFrames("idle", e.first(min(len(e.frames), 4000)).frames)
	if err != nil {
		return 0, 0, err
	}
	l, err := s.serve(ctx, serving{curve: curve})
	if err != nil {
		return 0, 0, err
	}
	defer l.remove()
	c := cheap{frames: file, connections: 1, window: 64, lasts: patience, curve: l.curve}
	if _, err = s.loadCheaply(ctx, c, len(e.frames), l.child, nil); err != nil {
		return 0, 0, err
	}
	return s.idle(ctx, n, l.child, l.curve)
}

func (s *stage) idleRaw(ctx context.Context, n int, curve string) (kib float64, err error) {
	cmd := exec.CommandContext(ctx, s.raw, "request", "1", "1000000")
	public := ""
	if curve != "" {
		secret, err := zmq.NewCurveSecret()
		if err != nil {
			return 0, err
		}
		if public, err = zmq.CurvePublic(secret); err != nil {
			return 0, err
		}
		cmd.Env = append(os.Environ(), "CURVE_SECRET="+secret)
	}
	raw, err := startChild(cmd, filepath.Join(s.dir, "raw.log"))
	if err != nil {
		return 0, err
	}
	defer raw.stop()
	kib, _, err = s.idle(ctx, n, raw, public)
	return kib, err
}

// watched is how long the processor time of idle connections is looked at.
const watched = time.Second

// idle connects n times, and gives what the server has more of memory for each.
func (s *stage) idle(ctx context.Context, n int, to *child, curve string) (kib, cpu float64, err error) {
	none, err := s.writeFrames("none", nil)
	if err != nil {
		return 0, 0, err
	}
	before, err := to.memory("RssAnon")
	if err != nil {
		return 0, 0, err
	}
	l, err := s.startCheap(ctx, cheap{frames: none, connections: n, curve: curve}, to.endpoint)
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(watched) // what handshakes left behind is done
	used, err := to.cpu()
	time.Sleep(watched)
	then, failed := to.cpu()
	after, unread := to.memory("RssAnon")
	_, _ = l.in.Write([]byte("go\n")) // it has nothing to send, and ends
	return (after - before) * 1024 / float64(n), milliseconds(then-used) / watched.Seconds(), errors.Join(err, failed, unread, l.end())
}

func (f idleFigures) write(b *strings.Builder) {
	b.WriteString("\n14. Nodes that are connected and say nothing: memory of each, KiB\n\n")
	columns(b, "", "listener", "libzmq alone", "ratio (aim: 1.1)", "idle CPU ms/s of all")
	for _, r := range f.Rows {
		name := fmt.Sprintf("%d, plain", r.Connections)
		if r.Curve {
			name = fmt.Sprintf("%d, CURVE", r.Connections)
		}
		columns(b, name, fmt.Sprintf("%.1f", r.Listener), fmt.Sprintf("%.1f", r.Raw), ratio(r.Ratio), fmt.Sprintf("%.0f", r.IdleCPU))
	}
	if f.TooMany > 0 {
		fmt.Fprintf(b, "   %d are more than this system lets a process have: see ulimit -Hn\n", f.TooMany)
	}
}
