package hostkey

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Trust is the store of the hosts that are trusted (DESIGN.md section 4):
// those whose public key lies in a folder, as in CFEngine's ppkeys, in a file
// whose name ends in ".pub". The host's own localhost.pub counts too, for a
// host trusts itself.
//
// It follows its folder. A key that appears is trusted, and one that is
// removed is no longer, within about a second; on a file system that does not
// tell of changes (NFS), a file that is overwritten in place is read again
// within half a minute. A folder that is empty, has vanished or cannot be
// read trusts nobody; only while this process has no file descriptors or
// memory left to look, what was found last stays. It all shows in Problems.
//
// What Heed is told of goes before the folder.
//
// Not trusted are: symbolic links (the folder itself may be one), files that
// everybody may write, and all in a folder where everybody may. A folder is
// looked at up to a million entries, a file up to 16 KiB.
type Trust struct {
	dir     string
	limits  limits
	now     func() time.Time
	current atomic.Pointer[trusted]

	scans atomic.Uint64

	decisions *decisions // go before what the folder says; nil for none

	watcher *fsnotify.Watcher // nil where the system has none to give
	woken   chan struct{}     // holds one: the folder has changed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex // held by one scan at a time; guards what follows
	entries map[string]*entry
	folder  stamp
	scanned time.Time
	took    time.Duration
	settled bool // nothing can have changed unseen since the last scan
	watched bool
}

// TrustedKey is a key and where it was found. A key in several files has the
// first of them, by name.
type TrustedKey struct {
	Key     *PublicKey
	File    string
	ModTime time.Time // of the file
}

// trusted is what one scan found. It never changes.
type trusted struct {
	byDigest map[Digest]*PublicKey
	keys     []TrustedKey
	problems []error
}

// OpenTrust reads the folder and begins to follow it, until Close. A folder
// that cannot be read is an error; files in it that are no keys are not.
func OpenTrust(dir string) (*Trust, error) {
	// Without a watcher (the system bounds how many there are) changes are
	// found by looking once a second.
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		watcher = nil
	}
	return openTrust(dir, watcher, defaultLimits)
}

func openTrust(dir string, watcher *fsnotify.Watcher, l limits) (*Trust, error) {
	t := &Trust{dir: filepath.Clean(dir), limits: l, now: time.Now, watcher: watcher, woken: make(chan struct{}, 1)}
	t.current.Store(&trusted{})
	if err := t.Reload(); err != nil {
		t.unwatch()
		return nil, err
	}
	t.begin()
	return t, nil
}

// Lookup returns the key of that digest, if it is trusted now. It takes no
// lock, so it may be asked for every message.
func (t *Trust) Lookup(d Digest) (*PublicKey, bool) {
	if k, decided := t.decisions.look().keys[d]; decided {
		return k, k != nil
	}
	k, ok := t.current.Load().byDigest[d]
	return k, ok
}

// Generation is another number than before once other keys may be trusted, and now
// and then where none are: who asked Lookup in vain need not ask again before.
func (t *Trust) Generation() uint64 { return t.scans.Load() + t.decisions.reads() }

// Keys returns the keys that are trusted now, each once: those of the folder in
// order of their files' names, then the approved.
func (t *Trust) Keys() []TrustedKey { return t.heeded(t.Folder()) }

// Folder returns the keys of the folder, whatever Heed says about them.
func (t *Trust) Folder() []TrustedKey { return slices.Clone(t.current.Load().keys) }

// Problems returns what keeps files, or the whole folder, from being trusted,
// each with its path and the way out; nil when all is well.
func (t *Trust) Problems() []error {
	problems := slices.Clone(t.current.Load().problems)
	if problem := t.decisions.look().problem; problem != nil {
		problems = append(problems, problem)
	}
	return problems
}

// Close stops following the folder and returns when that is done. What was
// trusted last stays. It may be called again.
func (t *Trust) Close() error {
	t.end()
	return nil
}

// Reload reads the folder now, as SIGHUP asks for, and returns when what it
// found holds; files that have not changed are not read again. The error is of
// the folder as a whole; what single files have is in Problems.
func (t *Trust) Reload() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	begin := t.now()
	t.watched = t.watch() // before reading, so that no change falls between
	folder, names, whole, err := listKeys(t.dir, t.limits.entries)
	t.folder, t.settled = folder, folder.settled(begin)
	if err != nil {
		err = fmt.Errorf("trusted keys: %w", err)
		t.fail(err)
	} else {
		t.take(names, whole)
	}
	t.scanned = t.now()
	t.took = t.scanned.Sub(begin)
	return err
}

// fail ends a scan that could not read the folder: nobody is trusted. Only
// when we ran out of something ourselves the keys stay: else a crowd of
// connections would make every host unknown.
func (t *Trust) fail(err error) {
	next := &trusted{problems: []error{err}}
	if exhausted(err) {
		was := t.current.Load()
		next.byDigest, next.keys = was.byDigest, was.keys
		t.settled = false
	}
	t.hold(next)
}

// take looks at the files and makes what they hold the trusted keys.
func (t *Trust) take(names []string, whole bool) {
	entries := make(map[string]*entry, len(names))
	next := &trusted{byDigest: make(map[Digest]*PublicKey, len(names))}
	for _, name := range names {
		e := lookAt(filepath.Join(t.dir, name), t.entries[name], t.now())
		if e == nil {
			continue
		}
		entries[name] = e
		t.settled = t.settled && e.settled
		next.add(e)
	}
	if !whole {
		next.problems = append(next.problems, fmt.Errorf("%s: it holds more than %d entries, and the rest is not looked at; take away what is no key", t.dir, t.limits.entries))
	}
	if len(next.keys) == 0 {
		next.problems = append(next.problems, fmt.Errorf("%s: there is no trusted key in it, so nobody is trusted; make the host's own with `cf-key`, and let hosts bootstrap", t.dir))
	}
	t.entries = entries
	t.hold(next)
}

func (t *Trust) hold(next *trusted) {
	t.current.Store(next)
	t.scans.Add(1) // after it, so that who sees the number sees the keys
}

func (n *trusted) add(e *entry) {
	if e.problem != nil {
		n.problems = append(n.problems, e.problem)
	}
	if e.key == nil {
		return
	}
	d := e.key.Key.Digest()
	if _, twice := n.byDigest[d]; !twice {
		n.byDigest[d] = e.key.Key
		n.keys = append(n.keys, *e.key)
	}
}
