package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// agentFigures are whole runs of cf-agent, and what sending one message adds
// to a run. Processor time is that of the agent and of all processes below it,
// without the listener. The aim: messages: adds at most a fifth of what
// commands: with Python adds.
type agentFigures struct {
	None     runFigures `json:"none"`
	Messages runFigures `json:"messages"`
	Commands runFigures `json:"commands"`

	AddedByMessages runFigures `json:"added_by_messages"` // to none, round by round
	AddedByCommands runFigures `json:"added_by_commands"`

	WholeRatio ratios `json:"messages_to_commands_whole_run"`
	AddedRatio ratios `json:"messages_to_commands_added"`
}

type runFigures struct {
	CPU  spread `json:"cpu_ms"` // user and system
	Wall spread `json:"wall_ms"`
}

// ratios are those of the medians.
type ratios struct {
	CPU  float64 `json:"cpu"`
	Wall float64 `json:"wall"`
}

func ratioOf(a, b runFigures) ratios {
	return ratios{CPU: a.CPU.Median / b.CPU.Median, Wall: a.Wall.Median / b.Wall.Median}
}

// agentRuns are the runs of one policy, a figure a round, in milliseconds.
type agentRuns struct{ cpu, wall []float64 }

func (r agentRuns) figures() runFigures {
	return runFigures{CPU: spreadOf(r.cpu), Wall: spreadOf(r.wall)}
}

// minus is what r took more than base, round by round: what disturbed a round
// most often disturbed both.
func (r agentRuns) minus(base agentRuns) agentRuns {
	var d agentRuns
	for i := range r.cpu {
		d.cpu = append(d.cpu, r.cpu[i]-base.cpu[i])
		d.wall = append(d.wall, r.wall[i]-base.wall[i])
	}
	return d
}

func (s *stage) measureAgent(ctx context.Context) (agentFigures, error) {
	l, err := s.startListener(ctx, "request", "")
	if err != nil {
		return agentFigures{}, err
	}
	defer l.remove()
	files, err := s.writePolicies(ctx, l.endpoint)
	if err != nil {
		return agentFigures{}, err
	}
	runs := make([]agentRuns, len(files))
	for round := range s.AgentRounds + 1 {
		for i, file := range files {
			cpu, wall, err := s.runAgent(ctx, file, fmt.Sprintf("round-%d", round))
			if err != nil {
				return agentFigures{}, err
			}
			if round > 0 { // the first one warms up
				runs[i].cpu, runs[i].wall = append(runs[i].cpu, cpu), append(runs[i].wall, wall)
			}
		}
		progress("runs of cf-agent", round, s.AgentRounds)
	}
	none, messages, commands := runs[0], runs[1], runs[2]
	f := agentFigures{
		None: none.figures(), Messages: messages.figures(), Commands: commands.figures(),
		AddedByMessages: messages.minus(none).figures(), AddedByCommands: commands.minus(none).figures(),
	}
	f.WholeRatio, f.AddedRatio = ratioOf(f.Messages, f.Commands), ratioOf(f.AddedByMessages, f.AddedByCommands)
	return f, s.allArrived(ctx, l)
}

// runAgent runs a policy once. The system adds the times of the processes that
// cf-agent has waited for to its own, and it waits for all it starts.
func (s *stage) runAgent(ctx context.Context, file, id string) (cpu, wall float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := s.command(ctx, "cf-agent", "--no-lock", "--file", file)
	cmd.Env = append(cmd.Env, "MESSAGE_ID="+id)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	if err != nil || strings.Contains(string(out), "error:") {
		return 0, 0, fmt.Errorf("cf-agent --file %s: %v\n%s", filepath.Base(file), err, out)
	}
	state := cmd.ProcessState
	return milliseconds(state.UserTime() + state.SystemTime()), milliseconds(took), nil
}

// allArrived makes sure that what was measured was sending: of every round one
// signed message and one bare one must be in the queue.
func (s *stage) allArrived(ctx context.Context, l *listener) error {
	r, err := queue.OpenReader(l.state)
	if err != nil {
		return err
	}
	defer r.Close()
	stored, err := r.Messages(ctx, queue.Filter{})
	if err != nil {
		return err
	}
	signed := 0
	for _, m := range stored {
		if m.Sender != "" {
			signed++
		}
	}
	if want := s.AgentRounds + 1; signed != want || len(stored) != 2*want {
		return fmt.Errorf("%d signed and %d bare messages are stored, %d of each were sent", signed, len(stored)-signed, want)
	}
	return nil
}

// The three policies differ in how they send: not at all, by a messages:
// promise, by the first proof of concept's client. The content is the same.
const (
	policyHead = `promise agent messages { path => "$(sys.workdir)/modules/promises/messages"; }

bundle agent __main__
{
  vars:
    "content" string => '{"uqhost":"x2gvdt0001","domain":"webhuis.nl","role":"x2gvdt"}';
    "id" string => getenv("MESSAGE_ID", "64");
`
	policyMessages = `
  messages:
    "host"
      content => "$(content)",
      to => "ENDPOINT",
      repeat => "always";
`
	policyCommands = `
  commands:
    "/usr/bin/python3"
      arglist => {
        "CLIENT",
        "ENDPOINT",
        '{"host":{"message_id":"$(id)","content":$(content),"version":"1.0"}}',
      };
`
)

// writePolicies gives the policies' files in the order none, messages,
// commands.
func (s *stage) writePolicies(ctx context.Context, endpoint string) ([]string, error) {
	client, err := filepath.Abs(filepath.Join(s.peers, "req_client.py"))
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("ENDPOINT", endpoint, "CLIENT", client)
	var files []string
	for i, promises := range []string{"", policyMessages, policyCommands} {
		file, err := s.writePolicy(ctx, []string{"none", "messages", "commands"}[i], fill.Replace(promises))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// writePolicy writes promises into a policy of their own and has cf-promises
// accept it: cf-agent starts daemons on one that it does not accept.
func (s *stage) writePolicy(ctx context.Context, name, promises string) (file string, err error) {
	return s.writeWhole(ctx, name, policyHead+promises+"}\n")
}

func (s *stage) writeWhole(ctx context.Context, name, policy string) (file string, err error) {
	file = filepath.Join(s.node, "inputs", name+".cf")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		return "", err
	}
	_, err = s.output(ctx, "cf-promises", "-f", file)
	return file, err
}
