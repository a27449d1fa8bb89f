package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// plan is how much is measured; each number bounds the time of its part.
type plan struct {
	AgentRounds   int `json:"agent_rounds"` // each runs three policies once
	Starts        int `json:"starts"`       // of the module, and as many of a process that does nothing
	Messages      int `json:"messages"`     // signed beforehand, sent anew to the empty listener of each round
	LoadRounds    int `json:"load_rounds"`
	PatternRounds int `json:"pattern_rounds"`
	Publications  int `json:"publications"` // each way, to each handler
	ManyRounds    int `json:"many_rounds"`  // each runs three policies once
	Hosts         int `json:"hosts"`        // in the truth
	Said          int `json:"said"`         // messages that the truth is rebuilt from
	Repeated      int `json:"repeated"`     // messages that repeat what is in the truth
	CurveRounds   int `json:"curve_rounds"` // each with and without CURVE
	Connections   int `json:"connections"`  // new ones, a round
	Requests      int `json:"requests"`     // over one connection, a round
	NodeRounds    int `json:"node_rounds"`  // each runs two policies once, and drains an outbox
	Waiting       int `json:"waiting"`      // messages in the outbox
	CrowdRounds   int `json:"crowd_rounds"` // each runs all loads

	Stored []int `json:"stored"` // messages that listeners have, of which growth is seen
	Idle   []int `json:"idle"`   // connections
	Nodes  int   `json:"nodes"`  // of the swarm

	RunRounds int `json:"run_rounds"` // each runs sixteen policies once

	all     time.Duration // of all parts; what is under way then is given up
	signing time.Duration // with fewer messages then
	lasts   time.Duration // of one listener under one load
	crowd   time.Duration // of one listener under one cheap load
	pattern time.Duration // of one listener under the load of one pattern
	disk    time.Duration // of one look at the disk
	views   time.Duration // of asking for views, in one way

	swarmLasts, swarmSigning time.Duration
}

var (
	usual = plan{
		AgentRounds: 21, Starts: 200, Messages: 40_000, LoadRounds: 3, PatternRounds: 3, Publications: 40, ManyRounds: 11,
		Hosts: 100_000, Said: 1_000_000, Repeated: 200_000, CurveRounds: 9, Connections: 300, Requests: 20_000, views: 4 * time.Second,
		NodeRounds: 11, Waiting: 10_000, CrowdRounds: 3, crowd: 2 * time.Second, all: 40 * time.Minute,
		Stored: []int{10_000, 1_000_000}, Idle: []int{1000, 10_000},
		RunRounds: 7, Nodes: 10_000, swarmLasts: 20 * time.Second, swarmSigning: time.Minute,
		signing: 30 * time.Second, lasts: 3 * time.Second, pattern: 2 * time.Second, disk: time.Second,
	}
	short = plan{
		AgentRounds: 5, Starts: 60, Messages: 8_000, LoadRounds: 1, PatternRounds: 1, Publications: 10, ManyRounds: 3,
		Hosts: 100_000, Said: 202_026, Repeated: 40_000, CurveRounds: 3, Connections: 150, Requests: 8_000, views: time.Second,
		NodeRounds: 3, Waiting: 3_000, CrowdRounds: 1, crowd: time.Second, all: 20 * time.Minute,
		Stored: []int{10_000, 200_000}, Idle: []int{1000},
		RunRounds: 2, Nodes: 1500, swarmLasts: 4 * time.Second, swarmSigning: 20 * time.Second,
		signing: 8 * time.Second, lasts: 2 * time.Second, pattern: time.Second, disk: time.Second / 2,
	}
)

// withAll is the usual plan, and what takes long: 10^7 messages stored, and a whole
// cycle of the swarm.
func withAll() plan {
	p := usual
	p.all = 3 * time.Hour
	p.Stored = append(slices.Clone(p.Stored), 10_000_000)
	p.Nodes, p.swarmLasts, p.swarmSigning = 100_000, 300*time.Second, 15*time.Minute
	return p
}

// part is a section of the report.
type part struct {
	name    string
	subject string // for an error
	measure func(*stage, context.Context, *report) error
}

var parts = []part{
	{"agent", "runs of cf-agent", func(s *stage, ctx context.Context, r *report) error { return into(&r.Agent, ctx, s.measureAgent) }},
	{"start", "the module's start", func(s *stage, ctx context.Context, r *report) error { return into(&r.Start, ctx, s.measureStart) }},
	{"ingest", "the listener under load", func(s *stage, ctx context.Context, r *report) error { return into(&r.Ingest, ctx, s.measureIngest) }},
	{"patterns", "the patterns", func(s *stage, ctx context.Context, r *report) error {
		return into(&r.Patterns, ctx, s.measurePatterns)
	}},
	{"latency", "one publication", func(s *stage, ctx context.Context, r *report) error { return into(&r.Latency, ctx, s.measureLatency) }},
	{"many", "many promises", func(s *stage, ctx context.Context, r *report) error { return into(&r.Many, ctx, s.measureMany) }},
	{"truth", "the truth of a large site", func(s *stage, ctx context.Context, r *report) error { return into(&r.Truth, ctx, s.measureTruth) }},
	{"curve", "CURVE", func(s *stage, ctx context.Context, r *report) error { return into(&r.Curve, ctx, s.measureCurve) }},
	{"node", "kept promises and the outbox", func(s *stage, ctx context.Context, r *report) error { return into(&r.Node, ctx, s.measureNode) }},
	{"signed", "signed and unsigned", func(s *stage, ctx context.Context, r *report) error { return into(&r.Signed, ctx, s.measureSigned) }},
	{"crowds", "the listener under many loads", func(s *stage, ctx context.Context, r *report) error { return into(&r.Crowds, ctx, s.measureCrowds) }},
	{"beside", "what there is beside", func(s *stage, ctx context.Context, r *report) error { return into(&r.Beside, ctx, s.measureBeside) }},
	{"growth", "growth", func(s *stage, ctx context.Context, r *report) error { return into(&r.Growth, ctx, s.measureGrowth) }},
	{"idle", "idle connections", func(s *stage, ctx context.Context, r *report) error { return into(&r.Idle, ctx, s.measureIdle) }},
	{"swarm", "the swarm", func(s *stage, ctx context.Context, r *report) error { return into(&r.Swarm, ctx, s.measureSwarm) }},
	{"runs", "runs with many promises", func(s *stage, ctx context.Context, r *report) error { return into(&r.Runs, ctx, s.measureRuns) }},
}

// into keeps the figures of a part that was measured.
func into[T any](figures **T, ctx context.Context, measure func(context.Context) (T, error)) error {
	f, err := measure(ctx)
	*figures = &f
	return err
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// measure takes one part after the other.
func (s *stage) measure(ctx context.Context) (report, error) {
	r := report{Plan: s.plan}
	var err error
	before := busyTime()
	if r.Machine, err = s.machine(ctx); err != nil {
		return r, err
	}
	for _, p := range parts {
		if len(s.parts) > 0 && !slices.Contains(s.parts, p.name) {
			continue
		}
		if err := p.measure(s, ctx, &r); err != nil {
			return r, fmt.Errorf("%s: %w", p.subject, err)
		}
	}
	r.Machine.OtherCores = before.others()
	return r, nil
}

// cores is how many processors there are to share.
func cores() int { return runtime.NumCPU() }
