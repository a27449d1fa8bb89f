package hostkey

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// decisions are those of a file, as it is now. Every look at them is one at the
// file's stamp, which costs about a microsecond: what is revoked is so for the
// very next message.
type decisions struct {
	file    string
	reading sync.Mutex
	current atomic.Pointer[decided]
	count   atomic.Uint64 // of reads
}

// decided is the file as it was read last. It never changes.
type decided struct {
	stamp   stamp // zero where there is no file
	all     []Decision
	keys    map[Digest]*PublicKey // nil for one that is revoked
	names   *Names
	problem error
}

// Heed has the decisions of a file go before the folder, from now on and as
// they change; it is called once, before the first Lookup. A file that is not
// there decides nothing, one that cannot be read is an error. Should it become
// so later, what was decided stays, and Problems tells.
func (t *Trust) Heed(file string) error {
	all, err := ReadDecisions(file)
	if err != nil {
		return err
	}
	is, err := decidedBy(all)
	if err != nil {
		return err
	}
	is.stamp = stamp{size: -1} // read again by the first look
	t.decisions = &decisions{file: file}
	t.decisions.current.Store(is)
	return nil
}

var undecided decided

// look gives the decisions as they are now.
func (d *decisions) look() *decided {
	if d == nil {
		return &undecided
	}
	was := d.current.Load()
	s, err := d.stamp()
	if err == nil && s == was.stamp {
		return was
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	if again := d.current.Load(); again != was {
		return again
	}
	next := d.read(was, s, err)
	d.current.Store(next)
	d.count.Add(1)
	return next
}

// reads counts the times that the file was found to be another.
func (d *decisions) reads() uint64 {
	if d == nil {
		return 0
	}
	d.look()
	return d.count.Load()
}

// stamp is zero where there is no file. It makes nothing for the garbage
// collector: it is asked for every message.
func (d *decisions) stamp() (stamp, error) {
	var st unix.Stat_t
	switch err := unix.Lstat(d.file, &st); {
	case err == nil:
		return stampOf(&st), nil
	case err == unix.ENOENT:
		return stamp{}, nil
	default:
		return stamp{}, fmt.Errorf("%s: %w", d.file, err)
	}
}

// read keeps what was where the file cannot be read. A damaged file is looked at
// again when it changes, one that is out of reach by the next look.
func (d *decisions) read(was *decided, s stamp, err error) *decided {
	var all []Decision
	if err == nil {
		all, err = ReadDecisions(d.file)
	}
	if err == nil {
		var next *decided
		if next, err = decidedBy(all); err == nil {
			next.stamp = s
			return next
		}
	}
	if exhausted(err) {
		s = stamp{size: -1}
	}
	stays := *was
	stays.stamp, stays.problem = s, fmt.Errorf("what was decided before holds: %w", err)
	return &stays
}

// Names are the names that keys are bound to now.
func (t *Trust) Names() *Names { return t.decisions.look().names }

// Settled tells whether a key needs no approval any more: it is trusted, or
// revoked.
func (t *Trust) Settled(d Digest) bool {
	_, decided := t.decisions.look().keys[d]
	_, trusted := t.Lookup(d)
	return decided || trusted
}

// heeded are the keys of the folder without the revoked, and the approved.
func (t *Trust) heeded(keys []TrustedKey) []TrustedKey {
	now := t.decisions.look()
	keys = slices.DeleteFunc(keys, func(k TrustedKey) bool {
		_, decided := now.keys[k.Key.Digest()]
		return decided
	})
	for _, d := range now.all {
		if key := now.keys[d.Digest]; key != nil {
			keys = append(keys, TrustedKey{Key: key, File: t.decisions.file, ModTime: d.FirstSeen})
		}
	}
	return keys
}
