package hostkey

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

// TrustOptions are the parts of a Trust that tests choose.
type TrustOptions struct {
	Watcher      *fsnotify.Watcher // nil where the system has none to give
	Tick, Rescan time.Duration     // 0 means never in a test's time
	Entries      int               // 0 means the default
}

// OpenTrustWith is OpenTrust with options.
func OpenTrustWith(dir string, o TrustOptions) (*Trust, error) {
	l := limits{gather: 10 * time.Millisecond, tick: o.Tick, rescan: o.Rescan, entries: o.Entries}
	if l.tick == 0 {
		l.tick = time.Hour
	}
	if l.rescan == 0 {
		l.rescan = 24 * time.Hour
	}
	if l.entries == 0 {
		l.entries = defaultLimits.entries
	}
	return openTrust(dir, o.Watcher, l)
}

// Later moves the clock by d. Ahead, nothing on disk looks recent; back,
// everything does.
func (t *Trust) Later(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = func() time.Time { return time.Now().Add(d) }
}
