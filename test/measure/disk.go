package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
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
func (s *stage) measureDisk() ([]float64, error) {
	end := time.Now().Add(s.disk)
	return s.appendWhile(func(int) bool { return time.Now().Before(end) })
}

func (s *stage) measureAppends(n int) ([]float64, error) {
	return s.appendWhile(func(done int) bool { return done < n })
}

func (s *stage) appendWhile(more func(done int) bool) (took []float64, err error) {
	f, err := os.CreateTemp(s.dir, "disk-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 4096)
	for more(len(took)) {
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

// measureReplacements gives the times of replacing a small file as the module
// does: temporary file, fsync, rename, fsync of the folder.
func (s *stage) measureReplacements(n int) (took []float64, err error) {
	dir, err := os.MkdirTemp(s.dir, "replaced-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	for range n {
		began := time.Now()
		if err := renameio.WriteFile(filepath.Join(dir, "file"), make([]byte, 300), 0o600, renameio.WithTempDir(dir)); err != nil {
			return nil, err
		}
		if err := folder.Sync(); err != nil {
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
	slices.Sort(took)
	d.rate = append(d.rate, 1e6/mean(took))
	d.p50 = append(d.p50, quantile(took, 0.50))
	d.p99 = append(d.p99, quantile(took, 0.99))
	return nil
}

func (d *diskRounds) figures() diskFigures {
	return diskFigures{Rate: spreadOf(d.rate), P50: spreadOf(d.p50), P99: spreadOf(d.p99)}
}
