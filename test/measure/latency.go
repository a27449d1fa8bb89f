package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// latencyFigures are publications, each by a module of its own and alone, in
// milliseconds until a handler of the listener has it.
type latencyFigures struct {
	Raw     spread        `json:"libzmq_process_to_subscriber_ms"` // from starting a process of libzmq alone
	Nothing spread        `json:"agent_run_without_messages_ms"`
	File    handlerFigure `json:"file"` // its line is in the file
	Exec    handlerFigure `json:"exec"` // its program has read the container
}

type handlerFigure struct {
	Evaluate spread `json:"evaluate_to_handler_ms"` // from asking the module to evaluate the promise
	Outcome  spread `json:"evaluate_to_outcome_ms"` // until it says repaired
	Agent    spread `json:"agent_to_handler_ms"`    // from starting cf-agent

	ToRaw   float64 `json:"evaluate_to_libzmq"`
	ToAgent float64 `json:"agent_to_run_without_messages"`
}

// alone is the pause before each publication: a handler looks into the queue
// every 10 ms at most, and shall have rested when a lone message comes.
const alone = 50 * time.Millisecond

const policyPublish = `
  messages:
    "host"
      content => "$(content)",
      message_id => "$(id)",
      pattern => "publish",
      repeat => "always",
      to => "%s";
`

// subscriber is a listener with one handler, which is watched, and the policy
// that publishes to it.
type subscriber struct {
	*stage
	listener *listener
	watch    *watch
	policy   string

	evaluate, outcome, agent []float64
}

func (s *stage) measureLatency(ctx context.Context) (f latencyFigures, err error) {
	file, err := watchFile(filepath.Join(s.dir, "lines"))
	if err != nil {
		return f, err
	}
	defer file.close()
	program, err := watchProgram(filepath.Join(s.dir, "pipe"))
	if err != nil {
		return f, err
	}
	defer program.close()
	subscribers := make([]*subscriber, 2)
	for i, w := range []*watch{file, program} {
		if subscribers[i], err = s.subscribe(ctx, w, fmt.Sprintf("publish-%d", i)); err != nil {
			return f, err
		}
		defer subscribers[i].listener.remove()
	}
	raw, nothing, err := s.publishAll(ctx, subscribers)
	f.Raw, f.Nothing = spreadOf(raw), spreadOf(nothing)
	f.File, f.Exec = subscribers[0].figures(f), subscribers[1].figures(f)
	return f, err
}

func (s *stage) subscribe(ctx context.Context, w *watch, policy string) (*subscriber, error) {
	l, err := s.startListener(ctx, "publish", w.handler)
	if err != nil {
		return nil, err
	}
	sub := &subscriber{stage: s, listener: l, watch: w}
	if sub.policy, err = s.writePolicy(ctx, policy, fmt.Sprintf(policyPublish, l.endpoint)); err != nil {
		l.remove()
	}
	return sub, err
}

// publishAll takes all ways in turn, again and again.
func (s *stage) publishAll(ctx context.Context, to []*subscriber) (raw, nothing []float64, err error) {
	none, err := s.writePolicy(ctx, "none", "")
	if err != nil {
		return nil, nil, err
	}
	for round := range s.Publications {
		progress("publications", round+1, s.Publications+1)
		for _, sub := range to {
			if err := errors.Join(sub.byModule(ctx, round), sub.byAgent(ctx, round)); err != nil {
				return nil, nil, err
			}
		}
		took, err := s.publishRaw(ctx)
		if err != nil {
			return nil, nil, err
		}
		_, wall, err := s.runAgent(ctx, none, "")
		if err != nil {
			return nil, nil, err
		}
		raw, nothing = append(raw, milliseconds(took)), append(nothing, wall)
	}
	progress("publications", 1, 1)
	return raw, nothing, nil
}

// byModule starts a module, has it validate the promise, and measures from
// there.
func (s *subscriber) byModule(ctx context.Context, round int) error {
	id := fmt.Sprintf("module-%d", round)
	promise := map[string]string{
		"content": `{"uqhost":"x2gvdt0001","domain":"webhuis.nl","role":"x2gvdt"}`, "message_id": id,
		"pattern": "publish", "repeat": "always", "to": s.listener.endpoint,
	}
	time.Sleep(alone)
	c, err := s.converse(ctx)
	if err != nil {
		return err
	}
	err = c.ask("validate_promise", promise, "valid")
	began := time.Now()
	if err == nil {
		err = c.ask("evaluate_promise", promise, "repaired")
	}
	outcome := time.Since(began)
	var at time.Time
	if err == nil {
		at, err = s.watch.await(ctx, id)
	}
	s.evaluate, s.outcome = append(s.evaluate, milliseconds(at.Sub(began))), append(s.outcome, milliseconds(outcome))
	return errors.Join(err, c.end())
}

// byAgent measures from the start of cf-agent.
func (s *subscriber) byAgent(ctx context.Context, round int) error {
	id := fmt.Sprintf("agent-%d", round)
	time.Sleep(alone)
	began := time.Now()
	if _, _, err := s.runAgent(ctx, s.policy, id); err != nil {
		return err
	}
	at, err := s.watch.await(ctx, id)
	s.agent = append(s.agent, milliseconds(at.Sub(began)))
	return err
}

func (s *subscriber) figures(f latencyFigures) handlerFigure {
	h := handlerFigure{Evaluate: spreadOf(s.evaluate), Outcome: spreadOf(s.outcome), Agent: spreadOf(s.agent)}
	h.ToRaw, h.ToAgent = h.Evaluate.Median/f.Raw.Median, h.Agent.Median/f.Nothing.Median
	return h
}

func (f latencyFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n5. One publication, alone, until a handler of the listener has it, that is after it is on disk; %d each\n\n", f.Raw.N)
	row(b, "", "ms", "p95 ms")
	for _, line := range []struct {
		name string
		of   spread
	}{
		{"libzmq alone: process to subscriber", f.Raw},
		{"evaluate to the module's outcome", f.File.Outcome},
		{"evaluate to the file handler's line", f.File.Evaluate},
		{"evaluate to the exec handler's program", f.Exec.Evaluate},
		{"run of cf-agent without messages", f.Nothing},
		{"cf-agent's start to the file's line", f.File.Agent},
		{"cf-agent's start to the program", f.Exec.Agent},
	} {
		row(b, line.name, line.of.text(2), fmt.Sprintf("%.2f", line.of.P95))
	}
	row(b, "evaluate / libzmq alone", "file "+ratio(f.File.ToRaw)+", exec "+ratio(f.Exec.ToRaw), "")
	row(b, "cf-agent / run without messages", "file "+ratio(f.File.ToAgent)+", exec "+ratio(f.Exec.ToAgent), "")
}
