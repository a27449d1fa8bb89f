package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// besideFigures are what a user would pick instead of the listener, under the same
// load in the same run: so many clients, each with one message under way, which is
// the listener's signed one wherever it goes.
type besideFigures struct {
	Clients  int            `json:"clients"`
	Disk     diskFigures    `json:"disk"`
	Raw      spread         `json:"libzmq_messages_per_s"`
	Listener serverFigures  `json:"listener"`
	Rivals   []rivalFigures `json:"beside"`
}

type rivalFigures struct {
	Name string `json:"name"`
	Says string `json:"acknowledged_means"`
	serverFigures
	Ratio   float64 `json:"listener_to_it,omitempty"`
	Missing string  `json:"missing,omitempty"` // why it was not measured
}

// rival is one of them.
type rival struct {
	name, says string
	run        func(*stage, context.Context, envelopes, string) (loadRun, error)
	here       func(*stage) error // why not, where it is not here
}

const rivals256 = 256

var rivals = []rival{
	{"NATS JetStream, 1 node, always", "fsynced", (*stage).runNATS, func(s *stage) error { return isProgram(s.beside) }},
	{"Mosquitto, QoS 1, persistence", "in memory; written every 30 min", (*stage).runMosquitto, func(s *stage) error {
		return errors.Join(isProgram(s.beside), isProgram(s.mosquitto))
	}},
	{"first Python listener, no sleep", "written, not fsynced", (*stage).runPython, func(*stage) error { return nil }},
}

func isProgram(file string) error {
	_, err := exec.LookPath(file)
	return err
}

func (s *stage) measureBeside(ctx context.Context) (f besideFigures, err error) {
	e, err := s.signed(ctx)
	if err != nil {
		return f, err
	}
	file, err := s.writeFrames("beside", e.frames)
	if err != nil {
		return f, err
	}
	f.Clients = rivals256
	crowd := cell{cheap: cheap{frames: file, connections: rivals256, window: rivals256, warm: rivals256, lasts: s.lasts}, envelopes: e}
	var disk diskRounds
	var raw []float64
	own, others := make([]loadRun, 0, s.LoadRounds), make([][]loadRun, len(rivals))
	for round := range s.LoadRounds {
		progress("beside", round, s.LoadRounds)
		if err := disk.add(s.measureDisk()); err != nil {
			return f, err
		}
		rate, err := s.rawRate(ctx, patterns[0], len(e.frames[0]))
		if err != nil {
			return f, err
		}
		run, err := s.run(ctx, crowd)
		if err != nil {
			return f, err
		}
		raw, own = append(raw, rate), append(own, run)
		if err := s.besideRound(ctx, e, file, others); err != nil {
			return f, err
		}
	}
	progress("beside", 1, 1)
	f.Disk, f.Raw, f.Listener = disk.figures(), spreadOf(raw), serverFiguresOf(own)
	for i, r := range rivals {
		figures := rivalFigures{Name: r.name, Says: r.says, serverFigures: serverFiguresOf(others[i])}
		if missing := r.here(s); missing != nil {
			figures.Missing = missing.Error()
		} else {
			figures.Ratio = f.Listener.Rate.Median / figures.Rate.Median
		}
		f.Rivals = append(f.Rivals, figures)
	}
	return f, nil
}

func (s *stage) besideRound(ctx context.Context, e envelopes, file string, to [][]loadRun) error {
	for i, r := range rivals {
		if r.here(s) != nil {
			continue
		}
		run, err := r.run(s, ctx, e, file)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		run.answers = nil
		to[i] = append(to[i], run)
	}
	return nil
}

func (s *stage) runNATS(ctx context.Context, _ envelopes, file string) (loadRun, error) {
	folder, err := os.MkdirTemp(s.dir, "nats-")
	if err != nil {
		return loadRun{}, err
	}
	defer os.RemoveAll(folder)
	server, err := startChild(exec.CommandContext(ctx, s.beside, "server", folder), filepath.Join(s.dir, "nats.log"))
	if err != nil {
		return loadRun{}, err
	}
	defer server.stop()
	return s.loadBeside(ctx, "nats", server, file)
}

// mosquittoConfig keeps what nobody has taken yet, as much as comes. It is written
// to disk by its own timer, 30 minutes, and at its end: no broker of this kind
// fsyncs a message before it acknowledges it.
const mosquittoConfig = `listener %d 127.0.0.1
allow_anonymous true
persistence true
persistence_location %s/
max_queued_messages 0
user root
log_dest stdout
`

func (s *stage) runMosquitto(ctx context.Context, _ envelopes, file string) (loadRun, error) {
	folder, err := os.MkdirTemp(s.dir, "mosquitto-")
	if err != nil {
		return loadRun{}, err
	}
	defer os.RemoveAll(folder)
	port, err := freePort()
	if err != nil {
		return loadRun{}, err
	}
	config := filepath.Join(folder, "mosquitto.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, mosquittoConfig, port, folder), 0o600); err != nil {
		return loadRun{}, err
	}
	cmd := exec.CommandContext(ctx, s.mosquitto, "-c", config)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(filepath.Dir(s.mosquitto), "lib"))
	broker, err := startQuiet(cmd, filepath.Join(s.dir, "mosquitto.log"), fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return loadRun{}, err
	}
	defer broker.stop()
	return s.loadBeside(ctx, "mqtt", broker, file)
}

// runPython runs the listener that the first proof of concept had, without its
// sleep.
func (s *stage) runPython(ctx context.Context, e envelopes, file string) (loadRun, error) {
	port, err := freePort()
	if err != nil {
		return loadRun{}, err
	}
	address, received := fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(s.dir, "queue.txt")
	defer os.Remove(received)
	program := filepath.Join(s.peers, "rep_listener.py")
	python := exec.CommandContext(ctx, "/usr/bin/python3", program, "tcp://"+address, received, fmt.Sprint(10*len(e.frames)))
	server, err := startQuiet(python, filepath.Join(s.dir, "python.log"), address)
	if err != nil {
		return loadRun{}, err
	}
	defer server.stop()
	c := cheap{frames: file, connections: rivals256, window: rivals256, warm: rivals256, lasts: s.lasts}
	r, err := s.loadCheaply(ctx, c, len(e.frames), server, nil)
	if err != nil {
		text, _ := os.ReadFile(server.log)
		err = fmt.Errorf("%w\n%s", err, text[max(0, len(text)-1000):])
	}
	return r, err
}

// freePort is one that nobody has, for a server that must be told which.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// loadBeside loads by the program of beside/, whose clients are of other protocols.
func (s *stage) loadBeside(ctx context.Context, protocol string, to *child, file string) (r loadRun, err error) {
	words := []string{protocol, to.endpoint, file, fmt.Sprint(rivals256), fmt.Sprint(s.lasts.Seconds())}
	l, err := startLoad(ctx, s.lasts+2*patience, nil, s.beside, words...)
	if err != nil {
		return r, err
	}
	said, err := l.measure(&load{to: to}, &r)
	r.memory, _ = to.peakMemory()
	if err = errors.Join(err, l.end()); err != nil {
		return r, err
	}
	var seconds, cpu, p50, p99 float64
	if _, err := fmt.Sscanf(said, "seconds %f cpu %f count %d p50 %f p99 %f", &seconds, &cpu, &r.has, &p50, &p99); err != nil {
		return r, fmt.Errorf("the load says %q: %w", said, err)
	}
	r.took, r.own = time.Duration(seconds*float64(time.Second)), time.Duration(cpu*float64(time.Second))
	r.sent, r.quantiles = r.has, &[2]float64{p50, p99}
	return r, nil
}

func (f besideFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n12. Beside what there is: %d clients with a message under way each, %d rounds\n\n", f.Clients, f.Listener.Rate.N)
	columns(b, "", "messages/s", "CPU µs", "p50 µs", "p99 µs", "load's CPU µs", "listener / it", "acknowledged means")
	line := func(name string, s serverFigures, more ...string) {
		columns(b, name, append([]string{s.Rate.text(0), s.CPU.text(1), fmt.Sprintf("%.0f", s.P50.Median), fmt.Sprintf("%.0f", s.P99.Median), fmt.Sprintf("%.1f", s.Load.Median)}, more...)...)
	}
	line("cf-messaged, signed", f.Listener, "1.00", "fsynced, signature and schema checked")
	for _, r := range f.Rivals {
		if r.Missing != "" {
			fmt.Fprintf(b, "   %s: not measured: %s\n", r.Name, strings.ReplaceAll(r.Missing, "\n", "; "))
			continue
		}
		line(r.Name, r.serverFigures, fmt.Sprintf("%.1f", r.Ratio), r.Says)
	}
	row(b, "aims: NATS 5, Python 20", "", "")
	row(b, "libzmq alone, DEALER to ROUTER", f.Raw.text(0)+"/s", "listener / it: "+fmt.Sprintf("%.3f", f.Listener.Rate.Median/f.Raw.Median))
	row(b, "disk: 4 KiB appended and fdatasync", f.Disk.Rate.text(0)+"/s", "listener / it: "+fmt.Sprintf("%.2f", f.Listener.Rate.Median/f.Disk.Rate.Median))
}
