package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func readFrames(file string) (frames [][]byte, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for len(data) > 0 {
		if len(data) < 4 || len(data)-4 < int(binary.NativeEndian.Uint32(data)) {
			return nil, fmt.Errorf("%s ends within a message", file)
		}
		end := 4 + int(binary.NativeEndian.Uint32(data))
		frames = append(frames, data[4:end])
		data = data[end:]
	}
	if frames == nil {
		err = errors.New("no messages to send")
	}
	return frames, err
}

// publishAll has each client send one message after the other, for a while or
// until they are used up, and writes what came of it.
func publishAll(ctx context.Context, c clients, n int, frames [][]byte, lasts time.Duration) error {
	var next atomic.Int64
	seen := make([][]float64, n)
	used, began := cpu(), time.Now()
	var g errgroup.Group
	for i := range n {
		g.Go(func() error {
			for time.Since(began) < lasts && ctx.Err() == nil {
				m := int(next.Add(1)) - 1
				if m >= len(frames) {
					return nil
				}
				sent := time.Now()
				if err := c.publish(i, frames[m]); err != nil {
					return err
				}
				seen[i] = append(seen[i], float64(time.Since(sent))/float64(time.Microsecond))
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took, all := time.Since(began), slices.Sorted(slices.Values(slices.Concat(seen...)))
	if len(all) == 0 {
		return errors.New("nothing was acknowledged")
	}
	_, err := fmt.Printf("seconds %.6f cpu %.6f count %d p50 %.1f p99 %.1f\n", took.Seconds(), (cpu() - used).Seconds(), len(all), quantile(all, 0.50), quantile(all, 0.99))
	return err
}

func quantile(sorted []float64, q float64) float64 {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
