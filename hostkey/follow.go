package hostkey

import (
	"context"
	"path/filepath"
	"time"
)

// limits says how closely a Trust follows its folder, and how much of it.
type limits struct {
	gather  time.Duration // from the first event to the scan, so that a crowd shares one
	tick    time.Duration // between two looks at the folder's own stamp
	rescan  time.Duration // at most between two scans
	entries int           // of the folder, whatever their names
}

var defaultLimits = limits{gather: 100 * time.Millisecond, tick: time.Second, rescan: 30 * time.Second, entries: 1_000_000}

// begin starts the goroutines that end waits for.
func (t *Trust) begin() {
	ctx, stop := context.WithCancel(context.Background())
	t.stop = stop
	t.running.Go(func() { t.follow(ctx) })
	if t.watcher != nil {
		t.running.Go(t.listen)
	}
}

func (t *Trust) end() {
	t.stop()
	t.unwatch()
	t.running.Wait()
}

// follow scans the folder after events, and looks for itself where events
// fail to come.
func (t *Trust) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.woken:
			t.gather(ctx)
		case <-time.After(t.limits.tick):
			if t.due() {
				_ = t.Reload() // Problems tells
			}
		}
	}
}

// gather waits a little for the events that follow a first one, then scans.
func (t *Trust) gather(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(t.pause()):
	}
	select {
	case <-t.woken:
	default:
	}
	_ = t.Reload() // Problems tells
}

// listen takes the watcher's events until it is closed. It never waits for a
// scan, because a scan may wait for the watcher, and the watcher for us.
func (t *Trust) listen() {
	for {
		select {
		case e, ok := <-t.watcher.Events:
			if !ok {
				return
			}
			if isKeyName(e.Name) || filepath.Clean(e.Name) == t.dir {
				t.wake()
			}
		case _, ok := <-t.watcher.Errors: // events were lost
			if !ok {
				return
			}
			t.wake()
		}
	}
}

func (t *Trust) wake() {
	select {
	case t.woken <- struct{}{}:
	default: // it will wake anyway
	}
}

// pause is how long to wait before a scan: in a large folder long enough for
// scans to take a fifth of one core, yet never longer than a tick.
func (t *Trust) pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(max(t.limits.gather, 4*t.took), t.limits.tick)
}

// due tells whether a scan may find something that no event told of.
func (t *Trust) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled || !t.watched || t.now().Sub(t.scanned) >= t.limits.rescan {
		return true
	}
	s, err := folderStamp(t.dir)
	return err != nil || s != t.folder
}

// watch asks for the folder's events, and tells whether it will get them. It
// does no harm to ask again, and is needed when the folder was replaced.
func (t *Trust) watch() bool {
	return t.watcher != nil && t.watcher.Add(t.dir) == nil
}

func (t *Trust) unwatch() {
	if t.watcher != nil {
		_ = t.watcher.Close()
	}
}
