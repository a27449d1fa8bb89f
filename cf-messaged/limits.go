package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// Limits bound what a message may cost, as written.
type Limits struct {
	Message Size   `yaml:"message"` // of a container
	Depth   string `yaml:"depth"`   // levels of nested JSON
	Skew    string `yaml:"clock_skew"`
}

// Size is a number of bytes as written: 1048576, 1024KiB or 1MiB.
type Size string

// What a listener may be made to take, at least and at most.
const (
	minMessage = 1 << 10
	maxMessage = 64 << 20
	minDepth   = 4
	maxDepth   = 1000
)

// clockSkew is how far a sender's clock may be ahead of this host's. Beyond an
// hour the listener would forget ids of messages that still hold.
func (c *Config) clockSkew() (time.Duration, error) {
	d, err := time.ParseDuration(c.Limits.Skew)
	if err != nil || d < time.Second || d > message.MaxSkew {
		return 0, fmt.Errorf("limits.clock_skew: expected 1s to 1h, such as 5m, found %q", c.Limits.Skew)
	}
	return d, nil
}

func (c *Config) limits() (message.Limits, error) {
	size, err := c.Limits.Message.bytes()
	if err != nil {
		return message.Limits{}, fmt.Errorf("limits.message: %w", err)
	}
	depth, err := strconv.Atoi(c.Limits.Depth)
	if err != nil || depth < minDepth || depth > maxDepth {
		return message.Limits{}, fmt.Errorf("limits.depth: expected %d to %d, found %q", minDepth, maxDepth, c.Limits.Depth)
	}
	return message.Limits{Size: size, Depth: depth}, nil
}

func (s Size) bytes() (int, error) {
	number, unit := string(s), 1
	for suffix, n := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, found := strings.CutSuffix(number, suffix); found {
			number, unit = strings.TrimSpace(rest), n
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > maxMessage/unit || n*unit < minMessage {
		return 0, fmt.Errorf("expected a size from 1KiB to 64MiB, such as 1MiB, 512KiB or 1048576, found %q", string(s))
	}
	return n * unit, nil
}
