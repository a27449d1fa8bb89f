package hostkey

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of the keys that wait to be approved: anybody can make keys and ask.
const (
	maxPending  = 5000                // in all
	maxFromPeer = 100                 // from one address, of IPv6 from one network of 64 bits
	pendingLife = 31 * 24 * time.Hour // a host that still wants to will ask again
	writePause  = time.Second         // between two writes of the file
	pendingFile = 16 << 20            // bytes
)

// PendingKey is the key of a host that asked to be trusted and is not yet.
type PendingKey struct {
	Digest    Digest    `json:"digest"`
	Peer      string    `json:"peer"` // the address that it asked from first
	FirstSeen time.Time `json:"first_seen"`
	PublicKey string    `json:"public_key"` // in PEM
}

// ReadPending reads the file that a Pending keeps; none where there is none.
func ReadPending(file string) ([]PendingKey, error) {
	var all []PendingKey
	if err := readState(file, pendingFile, &all); err != nil {
		return nil, fmt.Errorf("the keys that wait to be approved, in %s, cannot be read: %w; remove it: the hosts will ask again", file, err)
	}
	for _, p := range all {
		k, err := ParsePublic([]byte(p.PublicKey))
		if err != nil || k.Digest() != p.Digest {
			return nil, fmt.Errorf("the keys that wait to be approved, in %s: that of %q is not its own; remove the file: the hosts will ask again", file, clip(string(p.Digest)))
		}
	}
	return all, nil
}

// Pending keeps the keys of hosts that ask to be trusted, in a file for the
// administrator to see, bounded in all and by address: a flood from one leaves
// room for others. Nothing hangs on the file: who is forgotten asks again. Its
// methods may be called from any goroutine.
type Pending struct {
	file    string
	settled func(Digest) bool // needs no approval any more
	now     func() time.Time
	failed  func(error)

	dirty   chan struct{} // holds one: the file is behind
	closing chan struct{}
	writing sync.WaitGroup

	mu      sync.Mutex
	keys    map[Digest]PendingKey
	peers   map[string]int // by place
	dropped time.Time
}

// OpenPending takes up what the file holds. settled tells of keys that need no
// approval any more; failed is told where the file cannot be read, which is then made
// anew, or cannot be written.
func OpenPending(file string, settled func(Digest) bool, failed func(error)) *Pending {
	all, err := ReadPending(file)
	p := &Pending{
		file: file, settled: settled, now: time.Now, failed: failed,
		dirty: make(chan struct{}, 1), closing: make(chan struct{}),
		keys: map[Digest]PendingKey{}, peers: map[string]int{},
	}
	for _, k := range all {
		p.keys[k.Digest] = k
		p.peers[Place(k.Peer)]++
	}
	if err != nil {
		failed(err)
		p.dirty <- struct{}{}
	}
	p.writing.Go(p.follow)
	return p
}

// Add keeps the key of a host that has proved to have it, and tells whether it
// is a new one that there was room for.
func (p *Pending) Add(k *PublicKey, peer string) bool {
	if p.settled(k.Digest()) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, kept := p.keys[k.Digest()]; kept || !p.room(peer) {
		return false
	}
	p.keys[k.Digest()] = PendingKey{Digest: k.Digest(), Peer: peer, FirstSeen: p.now().UTC(), PublicKey: string(k.PEM())}
	p.peers[Place(peer)]++
	select {
	case p.dirty <- struct{}{}:
	default:
	}
	return true
}

// room looks for room, and once in a while makes some.
func (p *Pending) room(peer string) bool {
	fits := func() bool { return len(p.keys) < maxPending && p.peers[Place(peer)] < maxFromPeer }
	if !fits() && p.now().Sub(p.dropped).Abs() >= writePause {
		p.drop()
	}
	return fits()
}

// drop forgets what is settled or old.
func (p *Pending) drop() {
	p.dropped = p.now()
	for d, k := range p.keys {
		if !p.settled(d) && p.now().Sub(k.FirstSeen) < pendingLife {
			continue
		}
		delete(p.keys, d)
		from := Place(k.Peer)
		if p.peers[from]--; p.peers[from] == 0 {
			delete(p.peers, from)
		}
	}
}

// Place is what counts as one address of a peer: of IPv6 the network of 64 bits, for
// whoever has one has all of it. What is no address is itself.
func Place(peer string) string {
	a, err := netip.ParseAddr(peer)
	if err != nil || a.Is4() {
		return peer
	}
	network, _ := a.WithZone("").Prefix(64) // 64 bits there are
	return network.String()
}

// Close writes what is not written yet.
func (p *Pending) Close() error {
	close(p.closing)
	p.writing.Wait()
	select {
	case <-p.dirty:
		return p.write()
	default:
		return nil
	}
}

// follow writes the file after changes, a crowd of them at once.
func (p *Pending) follow() {
	for {
		select {
		case <-p.closing:
			return
		case <-p.dirty:
		}
		if err := p.write(); err != nil {
			p.failed(err)
		}
		select {
		case <-p.closing:
			return
		case <-time.After(writePause):
		}
	}
}

func (p *Pending) write() error {
	p.mu.Lock()
	p.drop()
	all := slices.SortedFunc(maps.Values(p.keys), func(a, b PendingKey) int {
		if c := a.FirstSeen.Compare(b.FirstSeen); c != 0 {
			return c
		}
		return strings.Compare(string(a.Digest), string(b.Digest))
	})
	p.mu.Unlock()
	if err := writeState(p.file, all); err != nil {
		return fmt.Errorf("the keys that wait to be approved are not written to %s: %w", p.file, err)
	}
	return nil
}
