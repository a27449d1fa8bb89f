package hostkey

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// recent is a folder with one key that was written just now.
func recent(t *testing.T) (dir, path string) {
	t.Helper()
	data, err := os.ReadFile("testdata/rsa1024.pub")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	path = filepath.Join(dir, "a.pub")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// withoutDescriptors runs f while this process can open nothing.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	f()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
}

// A recent file that cannot be read again, for want of descriptors, stays
// what it was; a new one is nothing yet.
func TestLookAtWithoutDescriptors(t *testing.T) {
	_, path := recent(t)
	was := lookAt(path, nil, time.Now())
	var known, unknown *entry
	withoutDescriptors(t, func() {
		known, unknown = lookAt(path, was, time.Now()), lookAt(path, nil, time.Now())
	})
	if was.key == nil || known != was {
		t.Errorf("the file became %+v", known)
	}
	if unknown.key != nil || unknown.problem == nil || unknown.settled {
		t.Errorf("a new file is %+v", unknown)
	}
}

// One recent file is enough to look again.
func TestRecentFileUnsettles(t *testing.T) {
	dir, _ := recent(t)
	trust := &Trust{dir: dir, now: time.Now, settled: true}
	trust.take([]string{"a.pub"}, true)
	if trust.settled {
		t.Error("a folder with a recent file is settled")
	}
	trust.settled = true
	trust.now = func() time.Time { return time.Now().Add(time.Minute) }
	trust.take([]string{"a.pub"}, true)
	if !trust.settled {
		t.Error("a folder with an old file is not settled")
	}
}

// While the process has no descriptors left, nobody is forgotten, and the
// folder is read as soon as it can be.
func TestTrustWithoutDescriptors(t *testing.T) {
	dir, _ := recent(t)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := OpenTrustWith(dir, TrustOptions{Watcher: watcher, Tick: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer trust.Close()
	trust.Later(time.Hour)
	var problems []error
	withoutDescriptors(t, func() {
		err = trust.Reload()
		problems = trust.Problems()
	})
	if err == nil || len(problems) != 1 || len(trust.Keys()) != 1 {
		t.Errorf("without descriptors: %v, %v, %v", err, problems, trust.Keys())
	}
	for deadline := time.Now().Add(time.Minute); len(trust.Problems()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not read again within a minute: %v", trust.Problems())
		}
	}
}
