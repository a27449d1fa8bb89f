package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// drainFigures are an outbox that drains to a listener, beside the listener
// under as many senders that do nothing else.
type drainFigures struct {
	Waiting  int     `json:"messages"`
	Rate     spread  `json:"messages_per_s"`
	CPU      spread  `json:"module_cpu_us"` // a message
	Listener spread  `json:"listener_messages_per_s"`
	Ratio    float64 `json:"drain_to_listener"`
	Fsyncs   float64 `json:"fsyncs_per_message,omitempty"` // on the node; 0 too without strace
	Counted  int     `json:"fsyncs_counted_on,omitempty"`  // messages
}

// drainers is how many messages of its outbox a module has under way to one
// target.
const drainers = 32

// countedOn bounds the outbox that drains under strace, which slows it down.
const countedOn = 1000

func (s *stage) measureDrain(ctx context.Context) (f drainFigures, err error) {
	e, err := s.signed(ctx)
	if err != nil {
		return f, err
	}
	e = e.first(min(s.Waiting, len(e.frames)))
	f.Waiting = len(e.frames)
	template, err := s.oneWaiting(ctx)
	if err != nil {
		return f, fmt.Errorf("an outbox: %w", err)
	}
	var rates, cpus, beside []float64
	for round := range (s.NodeRounds + 3) / 4 {
		progress("draining", round, (s.NodeRounds+3)/4)
		took, cpu, err := s.drain(ctx, template, e)
		if err != nil {
			return f, err
		}
		rates, cpus = append(rates, float64(f.Waiting)/took.Seconds()), append(cpus, microseconds(cpu)/float64(f.Waiting))
		run, err := s.loadListener(ctx, e, drainers)
		if err != nil {
			return f, err
		}
		beside = append(beside, float64(run.has)/run.took.Seconds())
	}
	progress("draining", 1, 1)
	f.Rate, f.CPU, f.Listener = spreadOf(rates), spreadOf(cpus), spreadOf(beside)
	f.Ratio = f.Rate.Median / f.Listener.Median
	few := e.first(min(countedOn, len(e.frames)))
	calls, err := s.callsOf(ctx, func(under ...string) error {
		_, _, err := s.drain(ctx, template, few, under...)
		return err
	})
	if calls != nil {
		f.Fsyncs, f.Counted = float64(calls.Fsyncs)/float64(len(few.frames)), len(few.frames)
	}
	return f, err
}

// nobody is an endpoint that refuses connections (port 1, tcpmux, is served
// nowhere any more).
const nobody = "tcp://127.0.0.1:1"

func (s *stage) outbox() string { return filepath.Join(s.node, "state", "messages", "outbox") }

// oneWaiting has the module put one message into its outbox, takes it out, and
// gives what its file says.
func (s *stage) oneWaiting(ctx context.Context) (map[string]any, error) {
	attributes := map[string]string{"content": `{"uqhost":"x2gvdt0001"}`, "to": nobody, "repeat": "always", "retries": "0"}
	if _, err := s.moduleRun(ctx, 1, "not_kept", attributes); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(s.outbox(), "*.json"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("%d files, expected 1: %w", len(files), err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	var template map[string]any
	return template, errors.Join(json.Unmarshal(line, &template), os.Remove(files[0]))
}

// drain fills the outbox as runs without their listener would have, and lets one
// run of the module send it all.
func (s *stage) drain(ctx context.Context, template map[string]any, e envelopes, under ...string) (took, cpu time.Duration, err error) {
	l, err := s.startListener(ctx, "request", "")
	if err != nil {
		return 0, 0, err
	}
	defer l.remove()
	template["to"] = []string{l.endpoint}
	for i, frame := range e.frames {
		template["frame"] = string(frame)
		if err := s.putWaiting(template, i); err != nil {
			return 0, 0, err
		}
	}
	began := time.Now()
	attributes := map[string]string{"content": `{"uqhost":"x2gvdt0001"}`, "to": l.endpoint, "repeat": "always"}
	cpu, err = s.moduleRun(ctx, 1, "repaired", attributes, under...)
	took = time.Since(began)
	return took, cpu, errors.Join(err, l.holds(ctx, int64(len(e.frames)+1)))
}

// putWaiting writes a file of the outbox: priority, time, expiry, target,
// promise and something unique in its name; in it a line, and its digest.
func (s *stage) putWaiting(template map[string]any, i int) error {
	line, err := json.Marshal(template)
	if err != nil {
		return err
	}
	now := time.Now()
	name := fmt.Sprintf("2-%016x-%010x-%024x-%024x-%08x.json", now.UnixNano(), now.Add(time.Hour).Unix(), 1, 1, i)
	return os.WriteFile(filepath.Join(s.outbox(), name), fmt.Appendf(nil, "%s\n%x\n", line, sha256.Sum256(line)), 0o600)
}

func (f drainFigures) write(b *strings.Builder) {
	b.WriteString("\n")
	row(b, fmt.Sprintf("an outbox of %d drains, messages/s", f.Waiting), f.Rate.text(0), fmt.Sprintf("%.0f µs of the module's CPU each", f.CPU.Median))
	row(b, fmt.Sprintf("the listener alone, %d senders, /s", drainers), f.Listener.text(0), "")
	row(b, "drain / listener", ratio(f.Ratio), "")
	if f.Counted > 0 {
		row(b, "fsyncs on the node a message", fmt.Sprintf("%.3f", f.Fsyncs), fmt.Sprintf("counted on %d", f.Counted))
	}
}
