package hostkey_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/webhuis/cfengine-messages/hostkey"
)

const tick = 20 * time.Millisecond

func mustWatcher(tb testing.TB) *fsnotify.Watcher {
	tb.Helper()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// deaf takes the request for events and sends none, as some file systems do.
func deaf(tb testing.TB) *fsnotify.Watcher {
	tb.Helper()
	w := mustWatcher(tb)
	w.Events = make(chan fsnotify.Event)
	return w
}

// The store follows its folder, whether or not the file system tells of it:
// each of the ways to notice a change does so alone.
func TestTrustFollows(t *testing.T) {
	const ahead = time.Hour
	for kind, c := range map[string]struct {
		options hostkey.TrustOptions
		later   time.Duration
		parts   []func(*folder)
	}{
		"events":            {hostkey.TrustOptions{Watcher: mustWatcher(t)}, ahead, []func(*folder){files, emptied}},
		"no watcher":        {hostkey.TrustOptions{Tick: tick}, ahead, []func(*folder){files, emptied, gone}},
		"recent":            {hostkey.TrustOptions{Watcher: deaf(t), Tick: tick}, 0, []func(*folder){files, emptied, gone}},
		"the folder's time": {hostkey.TrustOptions{Watcher: deaf(t), Tick: tick}, ahead, []func(*folder){emptied, gone}},
		"rescan":            {hostkey.TrustOptions{Watcher: deaf(t), Tick: tick, Rescan: tick}, ahead, []func(*folder){files, emptied, gone}},
	} {
		t.Run(kind, func(t *testing.T) {
			f := newFolderWith(t, c.options)
			f.trust.Later(c.later)
			f.do(f.trust.Reload())
			if !f.trusts("rsa2048") || len(f.trust.Problems()) > 0 {
				t.Fatalf("at the start: %v, %v", f.trust.Keys(), f.trust.Problems())
			}
			for _, part := range c.parts {
				part(f)
			}
			if p := f.trust.Problems(); len(p) > 0 {
				t.Errorf("at the end: %v", p)
			}
		})
	}
}

func files(f *folder) {
	// A host bootstraps.
	f.put("root-new.pub", "rsa1024")
	f.soonTrusts("rsa1024")
	// Its file is overwritten in place with another key, of another size and
	// of the same.
	f.put("root-new.pub", "rsa2041")
	f.soonTrusts("rsa2041")
	f.soonDistrusts("rsa1024")
	f.put("root-new.pub", "rsa2047")
	f.soonTrusts("rsa2047")
	f.soonDistrusts("rsa2041")
	// Another is renamed over it.
	f.put("arriving", "rsa3072")
	f.do(os.Rename(f.path("arriving"), f.path("root-new.pub")))
	f.soonTrusts("rsa3072")
	f.soonDistrusts("rsa2047")
	// It loses its name's ending.
	f.do(os.Rename(f.path("root-new.pub"), f.path("root-new.off")))
	f.soonDistrusts("rsa3072")
	f.do(os.Rename(f.path("root-new.off"), f.path("root-new.pub")))
	f.soonTrusts("rsa3072")
	// It is removed.
	f.do(os.Remove(f.path("root-new.pub")))
	f.soonDistrusts("rsa3072")
}

// emptied leaves nobody trusted, which is a problem.
func emptied(f *folder) {
	f.do(os.Remove(f.path("localhost.pub")))
	f.soonDistrusts("rsa2048")
	f.wantProblem(f.dir, "nobody is trusted", "cf-key")
	f.put("localhost.pub", "rsa2048")
	f.soonTrusts("rsa2048")
}

func gone(f *folder) {
	// The folder is renamed, and comes back.
	f.do(os.Rename(f.dir, f.dir+".old"))
	f.soonDistrusts("rsa2048")
	f.wantProblem(f.dir, "no such file")
	f.do(os.Rename(f.dir+".old", f.dir))
	f.soonTrusts("rsa2048")
	// It is removed and made anew.
	f.do(os.RemoveAll(f.dir))
	f.soonDistrusts("rsa2048")
	f.do(os.Mkdir(f.dir, 0o700))
	f.put("localhost.pub", "rsa4096")
	f.soonTrusts("rsa4096")
}

// As a listener opens it: all at once, within about a second.
func TestTrustFollowsAsOpened(t *testing.T) {
	f := newFolder(t)
	begin := time.Now()
	f.put("root-new.pub", "rsa1024")
	f.soonTrusts("rsa1024")
	f.do(os.Remove(f.path("root-new.pub")))
	f.soonDistrusts("rsa1024")
	t.Logf("a key came and went within %v", time.Since(begin))
	gone(f)
}

// A folder that is replaced again and again, faster than anyone can look, is
// watched once it stays.
func TestTrustFolderReplaced(t *testing.T) {
	f := newFolderWith(t, hostkey.TrustOptions{Watcher: mustWatcher(t)})
	for i := range 50 {
		old := fmt.Sprintf("%s.%d", f.dir, i)
		f.do(os.Rename(f.dir, old))
		f.do(os.RemoveAll(old))
		f.do(os.Mkdir(f.dir, 0o700))
		if i%7 == 0 {
			f.do(f.trust.Reload())
		}
	}
	f.do(f.trust.Reload())
	f.put("a.pub", "rsa1024")
	f.soonTrusts("rsa1024")
	f.do(os.Remove(f.path("a.pub")))
	f.soonDistrusts("rsa1024")
}

// The folder is reached through a link, as where another disk holds it.
func TestTrustLinkedFolder(t *testing.T) {
	one, two := ppkeys(t), ppkeys(t)
	link := filepath.Join(t.TempDir(), "ppkeys")
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	f := openFolder(t, link, hostkey.OpenTrust)
	f.put("a.pub", "rsa1024")
	f.soonTrusts("rsa1024")
	mustWrite(t, filepath.Join(two, "b.pub"), public(t, "rsa3072"))
	f.do(os.Remove(link))
	f.do(os.Symlink(two, link))
	f.soonTrusts("rsa3072")
	f.soonDistrusts("rsa1024")
}
