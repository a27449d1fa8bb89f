package hostkey_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// eventually waits until what is said holds, at most the time in which the
// folder must have been noticed on the slowest machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// folder is a ppkeys folder in a test, and the store that follows it.
type folder struct {
	*testing.T
	dir   string
	trust *hostkey.Trust
}

func openFolder(t *testing.T, dir string, open func(string) (*hostkey.Trust, error)) *folder {
	t.Helper()
	trust, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trust.Close() })
	return &folder{t, dir, trust}
}

// newFolder has the host's own key, rsa2048, in it.
func newFolder(t *testing.T) *folder {
	t.Helper()
	return openFolder(t, ownFolder(t), hostkey.OpenTrust)
}

func newFolderWith(t *testing.T, o hostkey.TrustOptions) *folder {
	t.Helper()
	return openFolder(t, ownFolder(t), func(dir string) (*hostkey.Trust, error) { return hostkey.OpenTrustWith(dir, o) })
}

func ownFolder(t *testing.T) string {
	t.Helper()
	dir := ppkeys(t)
	mustWrite(t, filepath.Join(dir, "localhost.pub"), public(t, "rsa2048"))
	return dir
}

func public(t *testing.T, key string) []byte {
	t.Helper()
	return mustRead(t, "testdata/"+key+".pub")
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// put writes a key of testdata into the folder, as cf-serverd would.
func (f *folder) put(name, key string) {
	f.Helper()
	mustWrite(f.T, f.path(name), public(f.T, key))
}

func (f *folder) do(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *folder) trusts(key string) bool {
	f.Helper()
	d := mustPair(f.T, key).Digest()
	k, ok := f.trust.Lookup(d)
	if ok && k.Digest() != d {
		f.Fatalf("Lookup of %s gives %s", d, k.Digest())
	}
	return ok
}

func (f *folder) soonTrusts(key string) {
	f.Helper()
	eventually(f.T, key+" is trusted", func() bool { return f.trusts(key) })
}

func (f *folder) soonDistrusts(key string) {
	f.Helper()
	eventually(f.T, key+" is not trusted", func() bool { return !f.trusts(key) })
}

// wantProblem checks that one of the problems says all the words.
func (f *folder) wantProblem(words ...string) {
	f.Helper()
	for _, p := range f.trust.Problems() {
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(p.Error(), w)
		}
		if !missing {
			return
		}
	}
	f.Errorf("no problem says %q: %v", words, f.trust.Problems())
}

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

func TestOpenTrustRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	mustWrite(t, file, nil)
	everybody := ppkeys(t)
	if err := os.Chmod(everybody, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "no such file",
		file:                               "not a directory",
		everybody:                          "chmod o-w",
	} {
		trust, err := hostkey.OpenTrust(path)
		wantError(t, err, path, want)
		if trust != nil {
			t.Errorf("%s: a store is returned beside the error", path)
		}
	}
}

// What is no key is named with the way out, and does no harm.
func TestTrustProblems(t *testing.T) {
	f := newFolder(t)
	f.put("link-target", "rsa1024")
	f.do(os.Symlink(f.path("link-target"), f.path("link.pub")))
	f.do(os.Mkdir(f.path("folder.pub"), 0o700))
	f.do(syscall.Mkfifo(f.path("pipe.pub"), 0o600))
	mustWrite(t, f.path("large.pub"), make([]byte, 1<<20))
	mustWrite(t, f.path("empty.pub"), nil)
	mustWrite(t, f.path("id_rsa.pub"), []byte("ssh-rsa AAAAB3Nza me@here\n"))
	mustWrite(t, f.path("private.pub"), mustRead(t, "testdata/rsa3072.priv"))
	f.put("everybody.pub", "rsa4096")
	f.do(os.Chmod(f.path("everybody.pub"), 0o666))
	other := mustPair(t, "rsa1024").Public()
	f.put("root-"+string(other.Digest())+".pub", "rsa2049")
	f.put("root-"+hostkey.CommunityDigest(other.RSA())+".pub", "rsa1024")
	mustWrite(t, f.path("localhost.priv"), []byte("none of our business"))
	f.do(f.trust.Reload())

	for name, want := range map[string]string{
		"link.pub": "symbolic link", "folder.pub": "not a regular file", "pipe.pub": "not a regular file",
		"large.pub": "larger than", "empty.pub": "does not begin", "id_rsa.pub": "as cf-key writes it",
		"private.pub": "take it away", "everybody.pub": "chmod o-w",
		"root-" + string(other.Digest()) + ".pub": "its name is not that of the key",
	} {
		f.wantProblem(f.path(name), want)
	}
	if n := len(f.trust.Problems()); n != 9 {
		t.Errorf("%d problems, want 9: %v", n, errors.Join(f.trust.Problems()...))
	}
	for key, want := range map[string]bool{"rsa2048": true, "rsa1024": true, "rsa2049": true, "rsa3072": false, "rsa4096": false} {
		if f.trusts(key) != want {
			t.Errorf("%s: trusted %t, want %t", key, !want, want)
		}
	}
}

func TestTrustUnreadableFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads every file")
	}
	f := newFolder(t)
	f.put("a.pub", "rsa1024")
	f.do(os.Chmod(f.path("a.pub"), 0))
	f.do(f.trust.Reload())
	f.wantProblem(f.path("a.pub"), "permission denied")
	f.do(os.Chmod(f.path("a.pub"), 0o600))
	f.soonTrusts("rsa1024")
}

// A key counts once, and as long as one file has it.
func TestTrustSameKeyTwice(t *testing.T) {
	f := newFolder(t)
	f.put("another.pub", "rsa2048")
	f.do(f.trust.Reload())
	keys := f.trust.Keys()
	if len(keys) != 1 || keys[0].File != f.path("another.pub") || keys[0].ModTime.IsZero() {
		t.Errorf("keys %+v", keys)
	}
	f.do(os.Remove(f.path("another.pub")))
	f.do(f.trust.Reload())
	if keys = f.trust.Keys(); !f.trusts("rsa2048") || len(keys) != 1 || keys[0].File != f.path("localhost.pub") {
		t.Errorf("keys %+v", keys)
	}
}

// Only what has changed is parsed again; a change that keeps size and time of
// modification is one.
func TestTrustParsesChangesOnly(t *testing.T) {
	f := newFolder(t)
	f.trust.Later(time.Hour)
	f.do(f.trust.Reload())
	d := mustPair(t, "rsa2048").Digest()
	before, _ := f.trust.Lookup(d)
	f.put("a.pub", "rsa1024")
	f.do(f.trust.Reload())
	if after, _ := f.trust.Lookup(d); after == nil || after != before {
		t.Error("an unchanged file was parsed again")
	}
	info, err := os.Stat(f.path("localhost.pub"))
	f.do(err)
	time.Sleep(20 * time.Millisecond) // more than one step of the kernel's clock
	f.put("localhost.pub", "rsa2048e3")
	f.do(os.Chtimes(f.path("localhost.pub"), info.ModTime(), info.ModTime()))
	f.do(f.trust.Reload())
	if f.trusts("rsa2048") || !f.trusts("rsa2048e3") {
		t.Error("a change that keeps size and time was missed")
	}
}

// Within one step of the file system's clock a change leaves no trace, so
// what is recent is read again, though it looks the same.
func TestTrustReadsRecentAgain(t *testing.T) {
	f := newFolder(t)
	f.trust.Later(-time.Hour)
	f.do(f.trust.Reload())
	d := mustPair(t, "rsa2048").Digest()
	before, _ := f.trust.Lookup(d)
	f.do(f.trust.Reload())
	if after, _ := f.trust.Lookup(d); after == nil || after == before {
		t.Error("a recent file was not read again")
	}
}

// While the process has no descriptors left, nobody is forgotten.
func TestTrustWithoutDescriptors(t *testing.T) {
	f := newFolder(t)
	var was syscall.Rlimit
	f.do(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was))
	none := was
	none.Cur = 0
	f.do(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	err := f.trust.Reload()
	problems, trusted := f.trust.Problems(), len(f.trust.Keys())
	f.do(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was))
	wantError(t, err, "too many open files")
	if trusted != 1 || len(problems) != 1 {
		t.Errorf("without descriptors %d keys and %v", trusted, problems)
	}
	f.put("a.pub", "rsa1024")
	f.soonTrusts("rsa1024")
	if p := f.trust.Problems(); len(p) > 0 {
		t.Errorf("afterwards: %v", p)
	}
}

func TestTrustEntriesBounded(t *testing.T) {
	dir := ppkeys(t)
	for i := range 10 {
		mustWrite(t, filepath.Join(dir, fmt.Sprintf("%d.pub", i)), public(t, "rsa1024"))
	}
	for most, whole := range map[int]bool{9: false, 10: true} {
		f := openFolder(t, dir, func(dir string) (*hostkey.Trust, error) {
			return hostkey.OpenTrustWith(dir, hostkey.TrustOptions{Entries: most})
		})
		if whole && len(f.trust.Problems()) > 0 {
			t.Errorf("%d entries: %v", most, f.trust.Problems())
		}
		if !whole {
			f.wantProblem(dir, "more than 9 entries")
		}
	}
}

// Lookups, scans and changes at once; the race detector is the judge.
func TestTrustAtOnce(t *testing.T) {
	f := newFolder(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				f.trusts("rsa2048")
				f.trust.Keys()
				f.trust.Problems()
			}
		}
	}()
	for i := range 50 {
		f.put(fmt.Sprintf("%d.pub", i%5), names[i%4])
		f.do(f.trust.Reload())
		if !f.trusts("rsa2048") {
			t.Fatal("the host's own key was not trusted for a moment")
		}
	}
	close(stop)
	<-done
}

// Close leaves nothing behind, whatever goes on in the folder.
func TestTrustClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		dir := ppkeys(t)
		trust, err := hostkey.OpenTrust(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			mustWrite(t, filepath.Join(dir, fmt.Sprintf("%d.pub", i)), public(t, "rsa1024"))
		}
		for range 2 {
			if err := trust.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := trust.Reload(); err != nil {
			t.Errorf("Reload after Close: %v", err)
		}
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func BenchmarkLookup(b *testing.B) {
	trust := manyKeys(b, 1000)
	d := trust.Keys()[500].Key.Digest()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := trust.Lookup(d); !ok {
				b.Error("not trusted")
			}
		}
	})
}

// manyKeys opens a folder of n keys of 2048 bits. They are no product of two
// primes, which nothing here asks for.
func manyKeys(b *testing.B, n int) *hostkey.Trust {
	b.Helper()
	dir := b.TempDir()
	k := mustPair(b, "rsa2048").Public().RSA()
	for i := range n {
		k.N.Sub(k.N, big.NewInt(2))
		data := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(k)})
		mustWrite(b, filepath.Join(dir, fmt.Sprintf("root-%d.pub", i)), data)
	}
	trust, err := hostkey.OpenTrust(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { trust.Close() })
	return trust
}

func BenchmarkReload(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		trust := manyKeys(b, n)
		for kind, later := range map[string]time.Duration{"unchanged": time.Hour, "all-read": -time.Hour} {
			b.Run(fmt.Sprintf("%d/%s", n, kind), func(b *testing.B) {
				trust.Later(later)
				if err := trust.Reload(); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := trust.Reload(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
