package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"
)

// Bounds of the time over which the hosts spread that come back to a listener
// together: it doubles with each run in which they did not reach it.
const (
	firstSpread = time.Second
	maxSpread   = 10 * time.Second
)

// resumeAfter is when a host sends what waits, after the first of it arrived:
// its own moment, always the same, within a time that grows with the runs that
// failed before. A host that was never turned away does not wait.
func resumeAfter(share float64, failed int) time.Duration {
	if failed <= 0 {
		return 0
	}
	spread := min(firstSpread<<min(failed-1, 10), maxSpread)
	return time.Duration(share * float64(spread))
}

// share is a host's place between 0 and 1, by its key: those of many hosts are
// spread evenly.
func share(digest string) float64 {
	sum := sha256.Sum256([]byte("backlog " + digest))
	return float64(binary.BigEndian.Uint64(sum[:])) / math.MaxUint64
}

// jitter is this host's share; 0 where it has no key, as a host that sends bare
// containers may.
func (m *messages) jitter() float64 {
	pair, err := m.pair()
	if err != nil {
		return 0
	}
	return share(string(pair.Digest()))
}
