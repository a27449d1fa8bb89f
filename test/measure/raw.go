package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// rawRate is how many messages a second the pattern's sockets carry between
// two processes of libzmq and nothing else, in C (testdata/raw.c).
func (s *stage) rawRate(ctx context.Context, p pattern, size int) (float64, error) {
	window, count := strconv.Itoa(p.Window), strconv.Itoa(p.alone)
	receiver, err := startChild(exec.CommandContext(ctx, s.raw, p.Name, window, count), filepath.Join(s.dir, "raw.log"))
	if err != nil {
		return 0, err
	}
	defer receiver.stop()
	said, err := s.output(ctx, s.raw, p.Name, window, count, receiver.endpoint, strconv.Itoa(size))
	if err != nil {
		return 0, err
	}
	select {
	case <-receiver.ended:
	case <-time.After(patience):
		return 0, errors.New("libzmq alone: not everything that was sent has arrived")
	}
	if p.Window == 0 {
		text, err := os.ReadFile(receiver.log)
		if err != nil {
			return 0, err
		}
		said = string(text)
	}
	return rateIn(said, p.alone)
}

var seconds = regexp.MustCompile(`seconds ([0-9.]+)`)

func rateIn(said string, count int) (float64, error) {
	found := seconds.FindStringSubmatch(said)
	if found == nil {
		return 0, fmt.Errorf("libzmq alone says %q, and not how long it took", said)
	}
	took, err := strconv.ParseFloat(found[1], 64)
	return float64(count) / took, err
}
