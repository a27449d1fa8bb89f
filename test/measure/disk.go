package main

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// diskFigures are what the disk below the queue does by itself: 4 KiB appended
// to a file and fdatasync, again and again.
type diskFigures struct {
	Rate spread `json:"fdatasyncs_per_s"`
	P50  spread `json:"p50_us"`
	P99  spread `json:"p99_us"`
}

// measureDisk gives the times of the single appends, in microseconds.
func (s *stage) measureDisk() (took []float64, err error) {
	f, err := os.CreateTemp(s.dir, "disk-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 4096)
	for end := time.Now().Add(s.disk); time.Now().Before(end); {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		took = append(took, microseconds(time.Since(began)))
	}
	return took, nil
}

// diskRounds gather what several looks at the disk saw.
type diskRounds struct{ rate, p50, p99 []float64 }

func (d *diskRounds) add(took []float64, err error) error {
	if err != nil {
		return err
	}
	sum := 0.0
	for _, t := range took {
		sum += t
	}
	slices.Sort(took)
	d.rate = append(d.rate, float64(len(took))*1e6/sum)
	d.p50 = append(d.p50, quantile(took, 0.50))
	d.p99 = append(d.p99, quantile(took, 0.99))
	return nil
}

func (d *diskRounds) figures() diskFigures {
	return diskFigures{Rate: spreadOf(d.rate), P50: spreadOf(d.p50), P99: spreadOf(d.p99)}
}
