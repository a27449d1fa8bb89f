// Command measure takes the figures that test/bench prints: what a messages:
// promise adds to a run of cf-agent, how fast the module starts, and how many
// messages a listener acknowledges. It asserts nothing about time.
//
// Everything runs in a temporary folder and on the loopback interface. Each
// figure stands beside one of the same run that tells what the machine can do:
// a process that does nothing, a bare echo, the disk alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// run measures, or is the echo beside which the listener is measured.
func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == echoCommand {
		return serveEcho(ctx, os.Stdout)
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	// No part waits without a bound of its own; this one is for all of them.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	s, err := openStage(ctx, o)
	if err != nil {
		return errors.Join(err, s.close())
	}
	r, err := s.measure(ctx)
	if err := errors.Join(err, s.close()); err != nil {
		return err
	}
	if o.json {
		return r.writeJSON(os.Stdout)
	}
	return r.writeText(os.Stdout)
}

// options are the words of the command line.
type options struct {
	plan
	bin   string // folder of the two programs
	peers string // folder of the Python programs
	under string // folder in which the temporary folder is made
	json  bool
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("measure", flag.ContinueOnError)
	f.StringVar(&o.bin, "bin", "bin", "folder of the programs messages and cf-messaged")
	f.StringVar(&o.peers, "peers", "test/peers", "folder of req_client.py")
	f.StringVar(&o.under, "dir", "", "where the temporary folder is made")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	quick := f.Bool("quick", false, "fewer rounds")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected word %q", f.Arg(0))
	}
	o.plan = full
	if *quick {
		o.plan = short
	}
	return o, nil
}

// plan is how much is measured; each number bounds the time of its part.
type plan struct {
	AgentRounds int `json:"agent_rounds"` // each runs three policies once
	Starts      int `json:"starts"`       // of the module, and as many of a process that does nothing
	Messages    int `json:"messages"`     // signed beforehand, sent anew to the empty listener of each round
	LoadRounds  int `json:"load_rounds"`

	signing time.Duration // with fewer messages then
	load    time.Duration // of one listener under one load
	disk    time.Duration // of one look at the disk
}

var (
	full  = plan{AgentRounds: 21, Starts: 200, Messages: 40_000, LoadRounds: 3, signing: 45 * time.Second, load: 4 * time.Second, disk: time.Second}
	short = plan{AgentRounds: 5, Starts: 60, Messages: 8_000, LoadRounds: 1, signing: 8 * time.Second, load: 2 * time.Second, disk: time.Second / 2}
)

// measure takes one part after the other.
func (s *stage) measure(ctx context.Context) (report, error) {
	r := report{Plan: s.plan}
	var err error
	before := busyTime()
	if r.Machine, err = s.machine(ctx); err != nil {
		return r, err
	}
	if r.Start, err = s.measureStart(ctx); err != nil {
		return r, fmt.Errorf("the module's start: %w", err)
	}
	if r.Agent, err = s.measureAgent(ctx); err != nil {
		return r, fmt.Errorf("runs of cf-agent: %w", err)
	}
	if r.Ingest, err = s.measureIngest(ctx); err != nil {
		return r, fmt.Errorf("the listener under load: %w", err)
	}
	r.Machine.OtherCores = before.others()
	return r, nil
}

// cores is how many processors there are to share.
func cores() int { return runtime.NumCPU() }
