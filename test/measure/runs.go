package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// runsFigures are runs of cf-agent with more and more promises, sent and kept,
// beside the other ways to have them: processor time of the agent and of all that
// it starts, and wall time. The aim: ten that are sent cost at most a tenth of the
// processor time of the Python way.
type runsFigures struct {
	Without runFigures   `json:"without"`
	Rows    []runsFigure `json:"runs"`
	Missing string       `json:"missing,omitempty"` // why there is no Python promise module
}

type runsFigure struct {
	Way      string `json:"way"`
	Promises int    `json:"promises"`
	runFigures
	Added      runFigures `json:"added"`       // to a run without, round by round
	ToCommands ratios     `json:"to_commands"` // what is added, beside what commands: adds
}

// way is one to send from policy.
type way struct {
	name     string
	promises func(n int, endpoint, client string) string
	python   bool // needs CFEngine's library for modules in Python
	bare     bool // a listener gets it unsigned
	once     bool // only the first run sends
}

var ways = []way{
	{name: "messages:, sent", promises: func(n int, endpoint, _ string) string { return manyPromises(n, "request", endpoint) }},
	{name: "messages:, kept", once: true, promises: func(n int, endpoint, _ string) string {
		// Names of their own: what another way sends is not what these hold.
		return strings.NewReplacer(`"always"`, `"changed"`, `"message_`, `"kept_`).Replace(manyPromises(n, "request", endpoint))
	}},
	{name: "commands: and Python, sent", bare: true, promises: manyCommands},
	{name: "Python promise module, sent", python: true, bare: true, promises: func(n int, endpoint, _ string) string {
		return pythonPromises(n, endpoint, "always")
	}},
	{name: "Python promise module, kept", python: true, promises: func(n int, endpoint, _ string) string {
		return pythonPromises(n, endpoint, "kept")
	}},
}

// commandsWay is the place of what the others are set beside.
const commandsWay = 2

var inRun = []int{1, 10, 50}

//go:embed testdata/python_module.py
var pythonModule []byte

// declaredPython goes before the bundle.
const declaredPython = `promise agent python_messages
{
  interpreter => "/usr/bin/python3";
  path => "$(sys.workdir)/modules/promises/python_module.py";
}

`

func (s *stage) measureRuns(ctx context.Context) (f runsFigures, err error) {
	taken, err := s.waysHere(&f)
	if err != nil {
		return f, err
	}
	l, err := s.startListener(ctx, "request", "")
	if err != nil {
		return f, err
	}
	defer l.remove()
	files, err := s.writeRuns(ctx, taken, l.endpoint)
	if err != nil {
		return f, err
	}
	runs := make([]agentRuns, len(files))
	for round := range s.RunRounds + 1 {
		for i, file := range files {
			progress("runs of cf-agent", round*len(files)+i, (s.RunRounds+1)*len(files))
			cpu, wall, err := s.runAgent(ctx, file, fmt.Sprintf("run-%d-%d", i, round))
			if err != nil {
				return f, err
			}
			if round > 0 { // the first one warms up, and sends what is kept later
				runs[i].cpu, runs[i].wall = append(runs[i].cpu, cpu), append(runs[i].wall, wall)
			}
		}
	}
	progress("runs of cf-agent", 1, 1)
	f.figures(taken, runs)
	return f, l.holds(ctx, int64(sentBy(taken, s.RunRounds+1)))
}

// waysHere are those that this machine has.
func (s *stage) waysHere(f *runsFigures) ([]way, error) {
	library, err := os.ReadFile(s.library)
	if err != nil {
		f.Missing = err.Error()
		return slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return w.python }), nil
	}
	folder := filepath.Dir(s.module())
	return ways, errors.Join(
		os.WriteFile(filepath.Join(folder, "cfengine_module_library.py"), library, 0o600),
		os.WriteFile(filepath.Join(folder, "python_module.py"), pythonModule, 0o700))
}

// writeRuns gives a policy without promises, then each way's with more and more.
func (s *stage) writeRuns(ctx context.Context, taken []way, endpoint string) (files []string, err error) {
	client, err := filepath.Abs(filepath.Join(s.peers, "req_client.py"))
	if err != nil {
		return nil, err
	}
	none, err := s.writePolicy(ctx, "runs-0", "")
	files = append(files, none)
	for i, w := range taken {
		for _, n := range inRun {
			text := policyHead + w.promises(n, endpoint, client) + "}\n"
			if w.python {
				text = declaredPython + text
			}
			file, failed := s.writeWhole(ctx, fmt.Sprintf("runs-%d-%d", i, n), text)
			files, err = append(files, file), errors.Join(err, failed)
		}
	}
	return files, err
}

// sentBy is how many messages all rounds send.
func sentBy(taken []way, rounds int) (n int) {
	for _, w := range taken {
		for _, promises := range inRun {
			switch {
			case w.once:
			case w.python && !w.bare: // looks only
			default:
				n += rounds * promises
			}
		}
	}
	return n + slices.Max(inRun) // those that are kept, of which all runs have the same
}

func (f *runsFigures) figures(taken []way, runs []agentRuns) {
	none := runs[0]
	f.Without = none.figures()
	at := func(way, n int) int { return 1 + way*len(inRun) + n }
	for i, w := range taken {
		for j, n := range inRun {
			added := runs[at(i, j)].minus(none).figures()
			f.Rows = append(f.Rows, runsFigure{
				Way: w.name, Promises: n, runFigures: runs[at(i, j)].figures(), Added: added,
				ToCommands: ratioOf(added, runs[at(commandsWay, j)].minus(none).figures()),
			})
		}
	}
}

func manyCommands(n int, endpoint, client string) string {
	var b strings.Builder
	b.WriteString("\n  commands:\n")
	for i := range n {
		fmt.Fprintf(&b, `    "/usr/bin/python3"
      handle => "message_%02d",
      arglist => {
        "%s",
        "%s",
        '{"host":{"message_id":"$(id)-%[1]d","content":$(content),"version":"1.0"}}',
      };

`, i+1, client, endpoint)
	}
	return b.String()
}

func pythonPromises(n int, endpoint, repeat string) string {
	var b strings.Builder
	b.WriteString("\n  python_messages:\n")
	for i := range n {
		fmt.Fprintf(&b, `    "message_%02d"
      schema => "host",
      content => '{"uqhost":"x2gvdt%04[1]d","domain":"webhuis.nl","role":"x2gvdt"}',
      repeat => "%s",
      to => "%s";

`, i+1, repeat, endpoint)
	}
	return b.String()
}

func (f runsFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n16. Runs of cf-agent with more and more promises, %d rounds\n\n", f.Without.CPU.N)
	columns(b, "", "CPU ms", "wall ms", "added CPU ms", "added wall ms", "CPU / commands:", "wall / commands:")
	columns(b, "no messaging", f.Without.CPU.text(0), f.Without.Wall.text(0))
	for _, r := range f.Rows {
		columns(b, fmt.Sprintf("%s: %d", r.Way, r.Promises), r.CPU.text(0), r.Wall.text(0), fmt.Sprintf("%.1f", r.Added.CPU.Median),
			fmt.Sprintf("%.1f", r.Added.Wall.Median), fmt.Sprintf("%.3f", r.ToCommands.CPU), fmt.Sprintf("%.3f", r.ToCommands.Wall))
	}
	row(b, "aim: 10 sent, CPU / commands:", "0.100", "")
	if f.Missing != "" {
		fmt.Fprintf(b, "   No Python promise module: %s\n", f.Missing)
	}
}
