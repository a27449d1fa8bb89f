package test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/webhuis/cfengine-messages/queue"
)

// killedAmong kills the hub while nodes speak to it. Those before have all; those
// after stay as they are and say what waits; those that it meets are one or the
// other.
func (d *deployed) killedAmong(t *testing.T, tiers, servers map[string]string) {
	t.Helper()
	d.round(t, "r3", d.nodes[:3], func(m *member, out string) error { return m.served(out, tiers, servers) })
	spoken := d.stored(t)
	var met sync.WaitGroup
	var all, half atomic.Int32
	for _, m := range d.nodes[3:7] {
		m.rack, m.timeout = "r3", 1
		met.Go(func() {
			d.try(t, m, func(m *member, out string) error {
				if m.served(out, tiers, servers) == nil {
					all.Add(1)
					return nil
				}
				if strings.Contains(out, "info: Message host sent") {
					half.Add(1)
				}
				return m.alone(out, servers, "(host|host_context)")
			})
		})
	}
	defer met.Wait()
	said := spoken + 1 + rand.Int64N(6) // of the two messages that each of them has to say
	await(t, "message of those that speak", func() bool { return d.stored(t) >= said })
	if err := d.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var after sync.WaitGroup
	for _, m := range d.nodes[7:] {
		m.rack, m.timeout = "r3", 1
		after.Go(func() {
			d.try(t, m, func(m *member, out string) error { return m.alone(out, servers, "host") })
		})
	}
	met.Wait()
	after.Wait()
	t.Logf("of four nodes that spoke when the hub died, %d had said all, and %d half of it", all.Load(), half.Load())
	if t.Failed() {
		t.FailNow()
	}
}

// stored is how many messages the hub's queue has.
func (d *deployed) stored(t *testing.T) int64 {
	t.Helper()
	r, err := queue.OpenReader(d.state)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	counts, err := r.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return counts.Messages
}

// alone checks a run without the hub: a promise is not kept and waits, and the
// host stays as it is.
func (m *member) alone(out string, servers map[string]string, what string) error {
	waits := regexp.MustCompile(`error: Message ` + what + ` not delivered: .*It waits in the outbox`)
	switch {
	case !waits.MatchString(out):
		return fmt.Errorf("want %s", waits)
	case strings.Contains(out, "CRITICAL"):
		return errors.New("the agent finds a bug")
	}
	return m.resolves(servers)
}

// waiting lists what a node's outbox holds.
func (m *member) waiting() []string {
	files, _ := filepath.Glob(m.work + "/state/messages/outbox/*") // the pattern is good
	return slices.DeleteFunc(files, func(f string) bool { return strings.HasPrefix(filepath.Base(f), ".") })
}
