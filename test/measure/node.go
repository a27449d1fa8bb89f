package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// nodeFigures are what messages cost a node that has nothing to say, and one
// whose outbox drains. The aims: a kept promise takes less than 1 ms of the
// module's processor time and no network; a run of cf-agent with ten of them at
// most 15 ms more than one without; an outbox of 10,000 drains at the listener's
// speed, with less than an fsync a message.
type nodeFigures struct {
	Kept    float64      `json:"kept_cpu_ms"`           // of the module, each of many in one run
	First   spread       `json:"start_and_kept_cpu_ms"` // of a module that is started for one
	Calls   *callFigures `json:"kept_calls,omitempty"`  // of a module with ten; nil without strace
	Without runFigures   `json:"run_without"`           // of cf-agent
	With    runFigures   `json:"run_with_ten_kept"`     // the same with ten kept promises
	Added   runFigures   `json:"added_by_ten_kept"`     // round by round
	Drain   drainFigures `json:"drain"`
}

// callFigures count what a module asks of the kernel.
type callFigures struct {
	Connects int `json:"connects"`
	Fsyncs   int `json:"fsyncs"`
}

const (
	keptTimes = 500
	keptInRun = 10
)

func (s *stage) measureNode(ctx context.Context) (f nodeFigures, err error) {
	if err = s.measureKept(ctx, &f); err != nil {
		return f, fmt.Errorf("kept promises: %w", err)
	}
	if err = s.measureTenKept(ctx, &f); err != nil {
		return f, fmt.Errorf("ten kept promises: %w", err)
	}
	f.Drain, err = s.measureDrain(ctx)
	return f, err
}

// measureKept has a message delivered, and its promise kept from then on while
// the listener is gone: so no kept promise can have asked it.
func (s *stage) measureKept(ctx context.Context, f *nodeFigures) error {
	l, err := s.startListener(ctx, "request", "")
	if err != nil {
		return err
	}
	attributes := map[string]string{"content": `{"uqhost":"x2gvdt0001","domain":"webhuis.nl","role":"x2gvdt"}`, "to": l.endpoint}
	_, err = s.moduleRun(ctx, 1, "repaired", attributes)
	l.remove()
	if err != nil {
		return err
	}
	var starts, ones, manys []float64
	for range max(s.NodeRounds, 5) {
		for _, run := range []struct {
			promises int
			into     *[]float64
		}{{0, &starts}, {1, &ones}, {keptTimes, &manys}} {
			cpu, err := s.moduleRun(ctx, run.promises, "kept", attributes)
			if err != nil {
				return err
			}
			*run.into = append(*run.into, milliseconds(cpu))
		}
	}
	f.First = spreadOf(ones)
	f.Kept = (spreadOf(manys).Median - f.First.Median) / (keptTimes - 1)
	f.Calls, err = s.callsOf(ctx, func(under ...string) error {
		_, err := s.moduleRun(ctx, keptInRun, "kept", attributes, under...)
		return err
	})
	return err
}

// moduleRun is a module's whole life with so many promises of the same, and
// gives its processor time.
func (s *stage) moduleRun(ctx context.Context, promises int, want string, attributes map[string]string, under ...string) (time.Duration, error) {
	c, err := s.converse(ctx, under...)
	if err != nil {
		return 0, err
	}
	for range promises {
		err = errors.Join(c.ask("validate_promise", attributes, "valid"), c.ask("evaluate_promise", attributes, want))
		if err != nil {
			return 0, errors.Join(err, c.end())
		}
	}
	_, err = c.exchange(`{"operation":"terminate"}`)
	err = errors.Join(err, c.end())
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime(), err
}

// callsOf counts the calls of a module that run starts under strace; nil where
// there is none.
func (s *stage) callsOf(ctx context.Context, run func(under ...string) error) (*callFigures, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, nil
	}
	out := filepath.Join(s.dir, "strace")
	if err := run(strace, "-f", "-c", "-o", out, "-e", "trace=connect,fsync,fdatasync"); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out)
	calls := countCalls(string(text))
	return &calls, err
}

func countCalls(table string) (calls callFigures) {
	for _, found := range callLine.FindAllStringSubmatch(table, -1) {
		n, _ := strconv.Atoi(found[1]) // the expression takes digits only
		if found[2] == "connect" {
			calls.Connects += n
		} else {
			calls.Fsyncs += n
		}
	}
	return calls
}

// callLine is a line of strace -c: share, seconds, each, calls, errors, name.
var callLine = regexp.MustCompile(`(?m)^ *[0-9.]+ +[0-9.]+ +[0-9]+ +([0-9]+) +(?:[0-9]+ +)?(connect|fsync|fdatasync)$`)

// measureTenKept compares runs of cf-agent that differ in ten kept promises.
func (s *stage) measureTenKept(ctx context.Context, f *nodeFigures) error {
	l, err := s.startListener(ctx, "request", "")
	if err != nil {
		return err
	}
	defer l.remove()
	promises := strings.ReplaceAll(manyPromises(keptInRun, "request", l.endpoint), `"always"`, `"changed"`)
	runs, files := make([]agentRuns, 2), make([]string, 2)
	for i, text := range []string{"", promises} {
		if files[i], err = s.writePolicy(ctx, []string{"no-kept", "ten-kept"}[i], text); err != nil {
			return err
		}
	}
	for round := range s.AgentRounds + 1 {
		progress("kept promises", round, s.AgentRounds)
		for i, file := range files {
			cpu, wall, err := s.runAgent(ctx, file, "")
			if err != nil {
				return err
			}
			if round > 0 { // the first one sends
				runs[i].cpu, runs[i].wall = append(runs[i].cpu, cpu), append(runs[i].wall, wall)
			}
		}
	}
	f.Without, f.With, f.Added = runs[0].figures(), runs[1].figures(), runs[1].minus(runs[0]).figures()
	return l.holds(ctx, keptInRun)
}

func (f nodeFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n9. A node that has nothing to say, and one whose outbox drains\n\n")
	row(b, "kept promise, module's CPU ms (aim: 1)", fmt.Sprintf("%.3f", f.Kept), fmt.Sprintf("each of %d in one run", keptTimes))
	row(b, "module started for one, CPU ms", f.First.text(1), "")
	if f.Calls != nil {
		row(b, "10 kept: connects, fsyncs", fmt.Sprintf("%d, %d", f.Calls.Connects, f.Calls.Fsyncs), "")
	}
	b.WriteString("\n")
	row(b, "one run of cf-agent", "CPU ms", "wall ms")
	row(b, "without messages", f.Without.CPU.text(1), f.Without.Wall.text(1))
	row(b, "with 10 kept promises", f.With.CPU.text(1), f.With.Wall.text(1))
	row(b, "added (aim: 15)", f.Added.CPU.text(1), f.Added.Wall.text(1))
	f.Drain.write(b)
}
