// Command measure takes the figures that test/bench prints: what messages:
// promises add to a run of cf-agent, how fast the module starts, how many
// messages a listener acknowledges or stores, by each pattern, how soon a
// handler has one, how fast the truth of a large site is made and asked, what a
// kept promise costs, and how fast an outbox drains; what it does under loads of
// many kinds and beside what a user would pick instead, what it costs when more and
// more is stored, connected or trusted. It asserts nothing about time.
//
// Everything runs in a temporary folder and on the loopback interface. Each
// figure stands beside one of the same run that tells what the machine can do:
// a process that does nothing, a bare echo, libzmq alone, the disk alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
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
	if len(args) == 2 && args[0] == echoCommand {
		return serveEcho(ctx, args[1], os.Stdout)
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	// No part waits without a bound of its own; this one is for all of them.
	ctx, cancel := context.WithTimeout(ctx, o.all)
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
	bin               string // folder of the two programs
	raw               string // the program of testdata/raw.c
	load              string // the program of testdata/load.c
	beside, mosquitto string // the program of beside/, and the broker; neither must be there

	library string // CFEngine's, for promise modules in Python; it must not be there

	peers string // folder of the Python programs
	under string // folder in which the temporary folder is made
	json  bool
	parts []string // names of those that are measured; none means all
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("measure", flag.ContinueOnError)
	f.StringVar(&o.bin, "bin", "bin", "folder of the programs messages and cf-messaged")
	f.StringVar(&o.raw, "raw", ".build/raw", "the program of test/measure/testdata/raw.c")
	f.StringVar(&o.load, "load", ".build/load", "the program of test/measure/testdata/load.c")
	f.StringVar(&o.beside, "beside", ".build/beside", "the program of test/measure/beside")
	f.StringVar(&o.mosquitto, "mosquitto", ".build/mosquitto/mosquitto", "Mosquitto's broker, with libraries it needs in lib beside it")
	f.StringVar(&o.library, "library", ".build/cfengine_module_library.py", "CFEngine's library for promise modules in Python")
	f.StringVar(&o.peers, "peers", "test/peers", "folder of req_client.py")
	f.StringVar(&o.under, "dir", "", "where the temporary folder is made")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	quick := f.Bool("quick", false, "fewer rounds")
	full := f.Bool("full", false, "ten million messages stored, and a swarm of 100,000 nodes")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.parts = f.Args()
	for _, name := range o.parts {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return o, fmt.Errorf("unknown part %q: %s", name, partNames())
		}
	}
	o.plan = usual
	switch {
	case *quick && *full:
		return o, errors.New("either --quick or --full")
	case *quick:
		o.plan = short
	case *full:
		o.plan = withAll()
	}
	return o, nil
}
