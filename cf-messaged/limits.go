package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
)

// Limits bound what a message may cost, as written.
type Limits struct {
	Message     Size   `yaml:"message"` // of a container
	Depth       string `yaml:"depth"`   // levels of nested JSON
	Skew        string `yaml:"clock_skew"`
	PerSender   Rate   `yaml:"per_sender"`
	PerAddress  Rate   `yaml:"per_address"`
	DiskFree    Size   `yaml:"disk_free"`    // see Config.diskFree where left out
	DeadLetters string `yaml:"dead_letters"` // how long they are kept
}

// Size is a number of bytes as written: 1048576, 1024KiB or 1MiB.
type Size string

// Rate is a number of messages a second as written: 100/s.
type Rate string

// limitOff is written where there shall be no limit.
const limitOff = "off"

// What a listener may be made to take, at least and at most.
const (
	minMessage = 1 << 10
	maxMessage = 64 << 20
	minDepth   = 4
	maxDepth   = 1000
	maxRate    = 1_000_000
	minFree    = 1 << 20
	maxFree    = 1 << 50
)

// defaultRate is a tenth or less of what a listener takes on two processors. A
// hundred seconds' worth may come at once (package listener), which is twice what
// an outbox holds.
const defaultRate Rate = "1000/s"

// defaultFree is the room that the disk keeps: what waits for its commit fits in,
// and handlers have some. On a small file system it is a tenth.
const defaultFree = 64 << 20

// complete puts defaults under what is left out.
func (l *Limits) complete() {
	l.Message = first(l.Message, Size(strconv.Itoa(message.DefaultLimits.Size)))
	l.Depth = first(l.Depth, strconv.Itoa(message.DefaultLimits.Depth))
	l.Skew = first(l.Skew, message.DefaultSkew.String())
	l.PerSender = first(l.PerSender, defaultRate)
	l.PerAddress = first(l.PerAddress, defaultRate)
	l.DeadLetters = first(l.DeadLetters, "90d")
}

// checkLimits tells all that is wrong with them.
func (c *Config) checkLimits() error {
	_, size := c.limits()
	_, skew := c.clockSkew()
	_, rates := c.Limits.rates()
	_, free := c.Limits.free()
	_, dead := c.deadLetterAge()
	return errors.Join(size, skew, rates, free, dead)
}

// deadLetterAge is how long what was refused is kept.
func (c *Config) deadLetterAge() (time.Duration, error) {
	age, ok := parseAge(c.Limits.DeadLetters)
	if !ok || age < time.Second {
		return 0, fmt.Errorf("limits.dead_letters: expected an age such as 90d or 36h, found %q", c.Limits.DeadLetters)
	}
	return age, nil
}

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
	size, fits := c.Limits.Message.within(minMessage, maxMessage)
	if !fits {
		return message.Limits{}, fmt.Errorf("limits.message: expected a size from 1KiB to 64MiB, such as 1MiB, 512KiB or 1048576, found %q", string(c.Limits.Message))
	}
	depth, err := strconv.Atoi(c.Limits.Depth)
	if err != nil || depth < minDepth || depth > maxDepth {
		return message.Limits{}, fmt.Errorf("limits.depth: expected %d to %d, found %q", minDepth, maxDepth, c.Limits.Depth)
	}
	return message.Limits{Size: int(size), Depth: depth}, nil
}

func (l Limits) rates() (listener.Rates, error) {
	sender, err := l.PerSender.perSecond("limits.per_sender")
	address, err2 := l.PerAddress.perSecond("limits.per_address")
	return listener.Rates{Sender: sender, Address: address}, errors.Join(err, err2)
}

// perSecond is 0 where there is no limit.
func (r Rate) perSecond(setting string) (int, error) {
	number, found := strings.CutSuffix(string(r), "/s")
	n, err := strconv.Atoi(number)
	switch {
	case r == limitOff:
		return 0, nil
	case !found || err != nil || n < 1 || n > maxRate:
		return 0, fmt.Errorf("%s: expected messages a second from 1/s to %d/s, such as 100/s, or off, found %q", setting, maxRate, string(r))
	}
	return n, nil
}

// free is the disk's room as written; 0 where it is off or left out.
func (l Limits) free() (int64, error) {
	if l.DiskFree == "" || l.DiskFree == limitOff {
		return 0, nil
	}
	free, fits := l.DiskFree.within(minFree, maxFree)
	if !fits {
		return 0, fmt.Errorf("limits.disk_free: expected a size from 1MiB on, such as 64MiB or 1GiB, or off, found %q", string(l.DiskFree))
	}
	return free, nil
}

// diskFree is the room that the file system of the state folder, which is there,
// must have left. Left out it is 64 MiB, or a tenth of a small file system.
func (c *Config) diskFree() (listener.Disk, error) {
	least, err := c.Limits.free()
	if err != nil || c.Limits.DiskFree != "" {
		return listener.Disk{Folder: c.State, Least: least}, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(c.State, &fs); err != nil {
		return listener.Disk{}, fmt.Errorf("%s: the room of its file system: %w", c.State, err)
	}
	tenth := int64(fs.Blocks) * fs.Bsize / 10
	return listener.Disk{Folder: c.State, Least: min(defaultFree, tenth)}, nil
}

// within reads a size and tells whether it is from least to most.
func (s Size) within(least, most int64) (int64, bool) {
	number, unit := string(s), int64(1)
	for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, found := strings.CutSuffix(number, suffix); found {
			number, unit = strings.TrimSpace(rest), n
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, n*unit >= least && n*unit <= most
}
