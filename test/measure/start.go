package main

import (
	"context"
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

// startModule tells how long the module takes until its header is read.
func (s *stage) startModule(ctx context.Context) (time.Duration, error) {
	c, err := s.converse(ctx)
	if err != nil {
		return 0, err
	}
	took := time.Since(c.began)
	return took, c.end()
}

func (s *stage) startNothing(ctx context.Context) (time.Duration, error) {
	cmd := s.command(ctx, "/bin/true")
	began := time.Now()
	err := cmd.Run()
	return time.Since(began), err
}
