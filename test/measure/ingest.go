package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// ingestFigures are a listener under load: signed messages whose receipt says
// stored, which means on disk. All of it shares the machine's processors: the
// load, too.
type ingestFigures struct {
	Signed int           `json:"signed_messages"`
	Bytes  int           `json:"envelope_bytes"`
	Disk   diskFigures   `json:"disk"`
	Parts  partFigures   `json:"parts"`
	Loads  []loadFigures `json:"loads"`
}

// loadFigures are a number of clients against the listener, and the same
// against the bare echo.
type loadFigures struct {
	Clients  int           `json:"clients"`
	Listener serverFigures `json:"listener"`
	Echo     serverFigures `json:"echo"`
}

// serverFigures are spreads over the rounds. Where no answer is awaited P50 and
// P99 are those of handing a message over.
type serverFigures struct {
	Rate   spread `json:"messages_per_s"`
	P50    spread `json:"p50_us"`
	P99    spread `json:"p99_us"`
	CPU    spread `json:"server_cpu_us_per_message"`
	Load   spread `json:"load_cpu_us_per_message"` // of this process
	Cores  spread `json:"cores_used"`              // by both
	Commit spread `json:"commits_per_s"`           // none by the echo
	Memory spread `json:"server_peak_mib"`         // resident; 0 where it was not looked at
}

// loadSizes are the numbers of requests under way.
var loadSizes = []int{1, 256}

func (s *stage) measureIngest(ctx context.Context) (ingestFigures, error) {
	var f ingestFigures
	e, err := s.signed(ctx)
	if err != nil {
		return f, err
	}
	f.Signed, f.Bytes = len(e.frames), len(e.frames[0])
	if f.Parts, err = s.measureParts(e); err != nil {
		return f, err
	}
	rounds := make([]loadRounds, len(loadSizes))
	var disk diskRounds
	for round := range s.LoadRounds {
		if err := disk.add(s.measureDisk()); err != nil {
			return f, err
		}
		for i, clients := range loadSizes {
			progress("loads", round*len(loadSizes)+i+1, s.LoadRounds*len(loadSizes)+1)
			if err := s.addRound(ctx, e, clients, &rounds[i]); err != nil {
				return f, err
			}
		}
	}
	progress("loads", 1, 1)
	f.Disk = disk.figures()
	for i, clients := range loadSizes {
		f.Loads = append(f.Loads, loadFigures{clients, serverFiguresOf(rounds[i].listener), serverFiguresOf(rounds[i].echo)})
	}
	return f, nil
}

// loadRounds are the runs of one number of clients.
type loadRounds struct{ listener, echo []loadRun }

// addRound loads an echo and a new listener, one after the other.
func (s *stage) addRound(ctx context.Context, e envelopes, clients int, to *loadRounds) error {
	echo, err := s.loadEcho(ctx, e, clients)
	if err != nil {
		return fmt.Errorf("echo with %d clients: %w", clients, err)
	}
	to.echo = append(to.echo, echo)
	run, err := s.loadListener(ctx, e, clients)
	if err != nil {
		return fmt.Errorf("listener with %d clients: %w", clients, err)
	}
	to.listener = append(to.listener, run)
	return nil
}

func (s *stage) loadEcho(ctx context.Context, e envelopes, clients int) (loadRun, error) {
	echo, err := s.startEcho(ctx, patterns[0])
	if err != nil {
		return loadRun{}, err
	}
	defer echo.stop()
	l := load{pattern: patterns[0], clients: clients, lasts: s.lasts, to: echo, envelopes: e}
	run, err := l.run(ctx)
	run.answers = nil
	return run, err
}

func (s *stage) loadListener(ctx context.Context, e envelopes, clients int) (loadRun, error) {
	to, err := s.startListener(ctx, "request", "")
	if err != nil {
		return loadRun{}, err
	}
	defer to.remove()
	l := load{pattern: patterns[0], clients: clients, lasts: s.lasts, to: to.child, envelopes: e, commits: to.commits}
	run, err := l.run(ctx)
	if err == nil {
		err = s.allStored(ctx, to, e, run.answers)
	}
	run.answers = nil
	return run, err
}

// allStored is stored of a queue that was empty.
func (s *stage) allStored(ctx context.Context, l *listener, e envelopes, answers [][]byte) error {
	return s.stored(ctx, l, e, answers, 0)
}

// stored makes sure that what was counted was acknowledged: each receipt is for
// the message it answers, says stored, and those looked at are proved by the
// listener's key;
// and so many messages are in the queue beyond those that it had.
func (s *stage) stored(ctx context.Context, l *listener, e envelopes, answers [][]byte, had int64) error {
	own, err := hostkey.ReadPair(s.keys())
	if err != nil {
		return err
	}
	opener := &message.Opener{Keys: func(d hostkey.Digest) (*hostkey.PublicKey, bool) { return own.Public(), d == own.Digest() }}
	var answered atomic.Int64
	var g errgroup.Group
	for w := range cores() {
		g.Go(func() error {
			for i := w; i < len(answers); i += cores() {
				if answers[i] == nil {
					continue
				}
				if err := isStored(opener, answers[i], e.ids[i], i%provedOf == 0); err != nil {
					return err
				}
				answered.Add(1)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return l.holds(ctx, had+answered.Load())
}

// provedOf is of how many receipts one is proved; the others are read. It would take
// longer than the load.
const provedOf = 8

func isStored(opener *message.Opener, answer []byte, id string, proved bool) error {
	c, err := openAnswer(opener, answer, proved)
	if err != nil {
		return fmt.Errorf("receipt of %s: %w", id, err)
	}
	receipt, err := message.ParseReceipt(c)
	if err == nil && (receipt.Status != message.Stored || c.MessageID != id) {
		err = fmt.Errorf("message %s was answered %+v for %s", id, receipt, c.MessageID)
	}
	return err
}

// openAnswer takes a bare receipt too: where the connection is CURVE, the listener
// is proved by that.
func openAnswer(opener *message.Opener, answer []byte, proved bool) (message.Container, error) {
	if proved && !message.IsBare(answer) {
		opened, err := opener.OpenListener(answer)
		return opened.Container, err
	}
	payload, err := message.Payload(answer)
	if err != nil {
		return message.Container{}, err
	}
	return message.Decode(payload, message.DefaultLimits)
}

func serverFiguresOf(runs []loadRun) serverFigures {
	over := func(figure func(loadRun) float64) spread {
		var all []float64
		for _, r := range runs {
			all = append(all, figure(r))
		}
		return spreadOf(all)
	}
	each := func(r loadRun) float64 { return float64(r.has) }
	return serverFigures{
		Rate:   over(func(r loadRun) float64 { return each(r) / r.took.Seconds() }),
		P50:    over(func(r loadRun) float64 { return r.latency(0.50) }),
		P99:    over(func(r loadRun) float64 { return r.latency(0.99) }),
		CPU:    over(func(r loadRun) float64 { return microseconds(r.peer) / each(r) }),
		Load:   over(func(r loadRun) float64 { return microseconds(r.own) / each(r) }),
		Cores:  over(func(r loadRun) float64 { return (r.own + r.peer).Seconds() / r.took.Seconds() }),
		Commit: over(func(r loadRun) float64 { return float64(r.commits) / r.took.Seconds() }),
		Memory: over(func(r loadRun) float64 { return r.memory }),
	}
}
