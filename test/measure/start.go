package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// startFigures tell how fast the module is there. It shall answer within 5 ms
// at the median.
type startFigures struct {
	Module  spread  `json:"module_ms"`  // from starting the process to its header line
	Nothing spread  `json:"nothing_ms"` // from starting /bin/true to its end
	Ratio   float64 `json:"ratio"`
}

func (s *stage) measureStart(ctx context.Context) (startFigures, error) {
	var module, nothing []float64
	for i := range s.Starts {
		progress("starts of the module", i+1, s.Starts)
		took, err := s.startModule(ctx)
		if err != nil {
			return startFigures{}, err
		}
		module = append(module, milliseconds(took))
		if took, err = s.startNothing(ctx); err != nil {
			return startFigures{}, err
		}
		nothing = append(nothing, milliseconds(took))
	}
	f := startFigures{Module: spreadOf(module), Nothing: spreadOf(nothing)}
	f.Ratio = f.Module.Median / f.Nothing.Median
	return f, nil
}

// startModule does what cf-agent does before the first promise: it starts the
// module, says who it is, and reads the answer.
func (s *stage) startModule(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := s.command(ctx, s.module())
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, err = io.WriteString(in, "cf-agent 3.21.0 v1\n\n")
	header := ""
	if err == nil {
		header, err = bufio.NewReader(out).ReadString('\n')
	}
	took := time.Since(began)
	in.Close()
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	if err == nil && !strings.HasPrefix(header, "messages_promise_module ") {
		err = fmt.Errorf("it answered the header with %q", header)
	}
	return took, err
}

func (s *stage) startNothing(ctx context.Context) (time.Duration, error) {
	cmd := s.command(ctx, "/bin/true")
	began := time.Now()
	err := cmd.Run()
	return time.Since(began), err
}
