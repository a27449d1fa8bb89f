package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/truth"
)

// curveKeySchema is the schema by which a host binds the key of its connections
// to itself.
const curveKeySchema = "curve_key"

// maxKeys is how many keys a host may have bound, the newest: its agent's, that
// of a listener there which forwards, and those before them.
const maxKeys = 4

// owners are the hosts that bound a client key to themselves, by the key in hex.
// Two may share one, as a host and its clone do. It never changes.
type owners map[string][]hostkey.Digest

// enrolment knows which host a CURVE client key belongs to: the one that said so,
// in the truth. It is replaced as a whole, so nobody who asks waits. That a
// host is trusted is no part of it and is asked each time: a revoked key is out at
// once. The methods of nil do nothing.
type enrolment struct {
	trust  *hostkey.Trust
	log    *slog.Logger
	lines  *rate.Limiter // of the log, about those who are not admitted
	reader *truth.Reader
	owners atomic.Pointer[owners]
	out    atomic.Int64 // connections that were not admitted

	learning sync.Mutex                  // one at a time learns
	keys     map[hostkey.Digest][]string // what each host bound

	mu      sync.Mutex
	pending map[hostkey.Digest]bool // whose key may have changed
	woken   chan struct{}           // holds one: there is something pending
	stop    context.CancelFunc
	ended   chan struct{}
}

// newEnrolment knows this listener's own key, with which it connects to itself;
// start makes it learn the others.
func newEnrolment(state string, own curvePair, self hostkey.Digest, trust *hostkey.Trust, log *slog.Logger) (*enrolment, error) {
	key, err := own.hex()
	if err != nil {
		return nil, err
	}
	reader, err := truth.OpenReader(state)
	if err != nil {
		return nil, err
	}
	e := &enrolment{trust: trust, log: log, lines: rate.NewLimiter(1, 20), reader: reader, keys: map[hostkey.Digest][]string{},
		pending: map[hostkey.Digest]bool{}, woken: make(chan struct{}, 1)}
	e.owners.Store(&owners{key: {self}})
	return e, nil
}

// start reads what the truth knows, and then follows it. Changes that it is told
// of from before it has read are not lost.
func (e *enrolment) start() error {
	var hosts []hostkey.Digest
	err := e.reader.Export(context.Background(), curveKeySchema, func(v truth.Value) error {
		hosts = append(hosts, hostkey.Digest(v.Entity))
		return nil
	})
	err = errors.Join(err, e.learn(context.Background(), hosts...))
	ctx, cancel := context.WithCancel(context.Background())
	e.stop, e.ended = cancel, make(chan struct{})
	go func() {
		defer close(e.ended)
		for {
			select {
			case <-e.woken:
				e.learnPending(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	return err
}

// publicOf is the key in a content that has passed its schema; "" for none.
func publicOf(content json.RawMessage) string {
	var said struct{ Public string }
	_ = json.Unmarshal(content, &said)
	return said.Public
}

// changed is told what is known otherwise than before; it does not wait.
func (e *enrolment) changed(changes []truth.Change) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range changes {
		if c.Schema == curveKeySchema {
			e.pending[hostkey.Digest(c.Entity)] = true
		}
	}
	if len(e.pending) > 0 {
		select {
		case e.woken <- struct{}{}:
		default: // there is one, and not yet seen
		}
	}
}

func (e *enrolment) learnPending(ctx context.Context) {
	e.mu.Lock()
	hosts := slices.Collect(maps.Keys(e.pending))
	clear(e.pending)
	e.mu.Unlock()
	if err := e.learn(ctx, hosts...); err != nil && ctx.Err() == nil {
		e.log.Error("the CURVE keys of some hosts stay as they were known", "hosts", len(hosts), "error", err)
	}
}

// learn takes over what the truth now says of these hosts.
func (e *enrolment) learn(ctx context.Context, hosts ...hostkey.Digest) error {
	if e == nil {
		return nil
	}
	e.learning.Lock()
	defer e.learning.Unlock()
	said := map[hostkey.Digest][]string{}
	var failed error
	for _, host := range hosts {
		keys, err := e.read(ctx, host)
		if err != nil {
			failed = err
			continue
		}
		said[host] = keys
	}
	e.bind(said)
	return failed
}

// read gives the newest keys that a host has bound, each once.
func (e *enrolment) read(ctx context.Context, host hostkey.Digest) (keys []string, err error) {
	history, err := e.reader.History(ctx, curveKeySchema, string(host))
	if err != nil && !errors.Is(err, truth.ErrNotFound) {
		return nil, err
	}
	for _, v := range slices.Backward(history) {
		if key := publicOf(v.Content); key != "" && len(keys) < maxKeys && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// bind makes the table in which each of these hosts has the keys that it said, and
// no others.
func (e *enrolment) bind(said map[hostkey.Digest][]string) {
	next := maps.Clone(*e.owners.Load())
	for host, keys := range said {
		if _, err := hostkey.ParseDigest(string(host)); err != nil {
			continue // what nobody signed binds nothing
		}
		for _, key := range e.keys[host] {
			if next[key] = without(next[key], host); len(next[key]) == 0 {
				delete(next, key)
			}
		}
		for _, key := range keys {
			next[key] = append(without(next[key], host), host)
		}
		e.keys[host] = keys
	}
	e.owners.Store(&next)
}

// without is another list, for the old one is being read.
func without(hosts []hostkey.Digest, host hostkey.Digest) []hostkey.Digest {
	return slices.DeleteFunc(slices.Clone(hosts), func(h hostkey.Digest) bool { return h == host })
}

// of are the trusted hosts that a client key belongs to.
func (e *enrolment) of(client string) []hostkey.Digest {
	return slices.DeleteFunc(slices.Clone((*e.owners.Load())[client]), func(h hostkey.Digest) bool {
		_, trusted := e.trust.Lookup(h)
		return !trusted
	})
}

// admits decides about a new connection, for zmq.CurveServer.
func (e *enrolment) admits(client, address string) bool {
	if len(e.of(client)) > 0 {
		return true
	}
	e.out.Add(1)
	if e.lines.Allow() {
		e.log.Warn("a CURVE client is not admitted: no trusted host has bound its key by a curve_key message", "curve_key", client, "peer", address)
	}
	return false
}

// refused is how many connections were not admitted.
func (e *enrolment) refused() int64 {
	if e == nil {
		return 0
	}
	return e.out.Load()
}

// close ends the following.
func (e *enrolment) close() error {
	if e == nil {
		return nil
	}
	if e.stop != nil {
		e.stop()
		<-e.ended
	}
	return e.reader.Close()
}
