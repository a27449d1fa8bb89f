package zmq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultUnfinished is ServerOptions.Unfinished where none is given.
const DefaultUnfinished = 256 << 20

const (
	// looks is how often a guard looks.
	looks = 250 * time.Millisecond
	// idleTalk is what an idle peer may say in that time, in bytes: heartbeats.
	idleTalk = 16
	// unfinishedPart is the part of its budget that may come unfinished: libzmq takes 64 bytes for a frame that is 2 on
	// the way (msg_t), so that this may be twice the budget in memory.
	unfinishedPart = 16
	// aroundMessage is what comes with a message beside its payload, at most: a route, and what CURVE adds.
	aroundMessage = 64 << 10
)

// guard bounds what libzmq holds of messages that are not whole. libzmq gathers a message of many frames until its last
// one, and has no option against a peer that never sends that. The system knows how much came over each
// connection, and we from which a message came: what came since is unfinished. While the process has more memory than
// the budget, a connection is ended over which more came than a message may have, and so are those with the most while
// it is much together: libzmq then lets go of it. Peers that are in order connect again. Connections over ipc are not
// guarded.
type guard struct {
	budget int64
	whole  int64 // bytes of one message at most
	ports  map[int]bool
	event  func(error)
	every  time.Duration
	memory func() int64 // of the process, that no file backs

	alert atomic.Bool // only then anybody need say heard
	stuck atomic.Bool // nothing is read at the moment
	mu    sync.Mutex
	from  map[int]bool // connections from which a message came since the last look

	of map[int]unfinished // by file descriptor; of the goroutine
}

// unfinished is what a guard knows of a connection.
type unfinished struct {
	stream
	base uint64 // what had come when a message was whole last
}

func (u unfinished) bytes() int64 { return int64(u.received - u.base) }

// newGuard guards the connections to these endpoints; nil where none is tcp.
func newGuard(endpoints []string, budget, maxMessage int64, event func(error)) *guard {
	g := &guard{budget: budget, whole: maxMessage + aroundMessage, ports: map[int]bool{}, event: event, every: looks, memory: ownMemory, from: map[int]bool{}, of: map[int]unfinished{}}
	for _, text := range endpoints {
		if e, err := ParseBind(text); err == nil && e.Scheme == "tcp" {
			g.ports[e.Port] = true
		}
	}
	if len(g.ports) == 0 {
		return nil
	}
	return g
}

// start guards until the function it gives is called, which waits for the end.
func (g *guard) start() (stop func()) {
	if g == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var going sync.WaitGroup
	going.Go(func() {
		for ctx.Err() == nil {
			pause(ctx, g.every)
			g.look()
		}
	})
	return func() { cancel(); going.Wait() }
}

// alerted tells whether the guard wants to hear of messages.
func (g *guard) alerted() bool { return g != nil && g.alert.Load() }

// heard notes that a message came over the connection with this file descriptor, as libzmq writes it.
func (g *guard) heard(fd string) {
	if n, err := strconv.Atoi(fd); err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.from[n] = true
	}
}

// reads notes whether messages are read at the moment. While they are not, who has sent whole ones cannot be told from
// who has not.
func (g *guard) reads(is bool) {
	if g != nil {
		g.stuck.Store(!is)
	}
}

// look takes note of all connections, and ends those with the most that is unfinished.
func (g *guard) look() {
	if g.memory() <= g.budget {
		g.alert.Store(false)
		clear(g.of)
		return
	}
	g.alert.Store(true)
	g.mu.Lock()
	from := g.from
	g.from = map[int]bool{}
	g.mu.Unlock()
	sum := g.note(from)
	if g.stuck.Load() && len(from) == 0 {
		return
	}
	most := slices.SortedFunc(maps.Values(g.of), func(a, b unfinished) int { return int(b.bytes() - a.bytes()) })
	for _, u := range most {
		if sum <= g.budget/unfinishedPart && u.bytes() <= g.whole {
			return
		}
		sum -= u.bytes()
		g.end(u)
	}
}

// note brings what is known up to date and gives the sum of what is unfinished.
func (g *guard) note(from map[int]bool) (sum int64) {
	now := map[int]unfinished{}
	for _, c := range streams(g.ports) {
		u, known := g.of[c.fd]
		if !known || u.peer != c.peer || from[c.fd] {
			u.base = c.received
		}
		u.stream, u.base = c, min(u.base+idleTalk, c.received)
		now[c.fd] = u
		sum += u.bytes()
	}
	g.of = now
	return sum
}

func (g *guard) end(u unfinished) {
	if u.shut() && g.event != nil {
		g.event(fmt.Errorf("%s has sent %d bytes without the end of a message, and memory is short: its connection was ended", u.peer, u.bytes()))
	}
	delete(g.of, u.fd)
}
