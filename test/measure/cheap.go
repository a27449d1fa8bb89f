package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// cheap is a load by the program of testdata/load.c, which takes far less of the
// processors than one of this program: at 4096 messages under way, too, nearly
// all of them is the server's.
type cheap struct {
	frames      string // a file of writeFrames
	swarm       bool   // a new connection for each message
	connections int
	window      int     // messages under way, at most
	rate        float64 // messages a second that are due; 0 for as many as are answered
	lasts       time.Duration
	warm        int    // messages before the clock starts
	curve       string // the server's CURVE key; "" for none
}

// writeFrames gives the file from which a load takes its messages.
func (s *stage) writeFrames(name string, frames [][]byte) (file string, err error) {
	file = filepath.Join(s.dir, name)
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	var length [4]byte
	for _, frame := range frames {
		binary.NativeEndian.PutUint32(length[:], uint32(len(frame)))
		_, _ = w.Write(length[:]) // Flush tells
		_, _ = w.Write(frame)
	}
	return file, w.Flush()
}

func (c cheap) words(endpoint, answers string) []string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	window, rate, lasts := strconv.Itoa(c.window), number(c.rate), number(c.lasts.Seconds())
	if c.swarm {
		return []string{"swarm", endpoint, c.frames, window, rate, lasts, answers}
	}
	return []string{"crowd", endpoint, c.frames, strconv.Itoa(c.connections), window, rate, lasts, strconv.Itoa(c.warm), answers}
}

// cheapLoad is a cheap under way.
type cheapLoad struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	answers string
	cancel  context.CancelFunc
}

// startCheap returns once the connections stand and the warm-up is over.
func (s *stage) startCheap(ctx context.Context, c cheap, endpoint string) (*cheapLoad, error) {
	var env []string
	if c.curve != "" {
		env = append(os.Environ(), "CURVE_SERVER="+c.curve)
	}
	answers := filepath.Join(s.dir, "answers")
	l, err := startLoad(ctx, c.lasts+2*patience, env, s.load, c.words(endpoint, answers)...)
	if err == nil {
		l.answers = answers
	}
	return l, err
}

// startLoad starts a program that loads a server, and returns once that is ready
// to. It is ended after a time.
func startLoad(ctx context.Context, most time.Duration, env []string, program string, words ...string) (*cheapLoad, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	l := &cheapLoad{cmd: exec.CommandContext(ctx, program, words...), cancel: cancel}
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // as with startChild
	l.cmd.Stderr, l.cmd.Env = os.Stderr, env
	in, err := l.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.Close())
	}
	l.in, l.out = in, bufio.NewReader(out)
	if line, err := l.out.ReadString('\n'); line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the load says %q: %w", line, err), l.end())
	}
	return l, nil
}

// measure lets the load run, and gives what it says of itself; r gets what it cost
// the server.
func (l *cheapLoad) measure(looks *load, r *loadRun) (said string, err error) {
	before, err := looks.look()
	if err == nil {
		_, err = io.WriteString(l.in, "go\n")
	}
	if err == nil {
		said, err = l.out.ReadString('\n')
	}
	after, failed := looks.look()
	r.peer, r.commits = after.peer-before.peer, after.commits-before.commits
	return said, errors.Join(err, failed)
}

// end lets the connections go, and waits for the load.
func (l *cheapLoad) end() error {
	defer l.cancel()
	return errors.Join(l.in.Close(), l.cmd.Wait())
}

// loadCheaply loads a server, and gives the answers of n messages with the rest.
func (s *stage) loadCheaply(ctx context.Context, c cheap, n int, to *child, commits func() (uint32, error)) (r loadRun, err error) {
	l, err := s.startCheap(ctx, c, to.endpoint)
	if err != nil {
		return r, err
	}
	said, err := l.measure(&load{to: to, commits: commits}, &r)
	r.memory, _ = to.peakMemory()
	if err = errors.Join(err, l.end()); err != nil {
		return r, err
	}
	var seconds, cpu float64
	if _, err := fmt.Sscanf(said, "seconds %f cpu %f sent %d", &seconds, &cpu, &r.sent); err != nil {
		return r, fmt.Errorf("the load says %q: %w", said, err)
	}
	r.took, r.own = time.Duration(seconds*float64(time.Second)), time.Duration(cpu*float64(time.Second))
	r.sent -= c.warm
	return r, r.readAnswers(l.answers, n, c.warm)
}

// readAnswers reads what the load was answered; of the warm-up the answers alone
// count.
func (r *loadRun) readAnswers(file string, n, warm int) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	r.answers = make([][]byte, n)
	for len(data) > 0 {
		if len(data) < 16 {
			return fmt.Errorf("%s ends within an answer", file)
		}
		i, length := int(binary.NativeEndian.Uint32(data)), int(binary.NativeEndian.Uint32(data[4:]))
		took := math.Float64frombits(binary.NativeEndian.Uint64(data[8:]))
		if i >= n || len(data) < 16+length {
			return fmt.Errorf("%s: answer to message %d of %d, %d bytes", file, i, n, length)
		}
		r.answers[i] = bytes.Clone(data[16 : 16+length])
		if i >= warm {
			r.latencies = append(r.latencies, took)
		}
		data = data[16+length:]
	}
	slices.Sort(r.latencies)
	r.has = len(r.latencies)
	return nil
}
