package hostkey_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

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

// A key is trusted by whatever name cf-serverd and cf-key gave its file, on any
// edition; by a name that is another key's too, which is told.
func TestTrustByAnyName(t *testing.T) {
	k := mustPair(t, "old35").Public()
	other := mustPair(t, "rsa3072").Public()
	md5, sha := hostkey.CommunityDigest(k.RSA()), string(k.Digest())
	for name, right := range map[string]bool{
		"root-" + md5 + ".pub": true, "root-" + sha + ".pub": true, "Administrator-" + sha + ".pub": true,
		md5 + ".pub": true, "192.0.2.7.pub": true, "www1.example.com.pub": true, "-2001:db8::1.pub": true,
		"root-" + string(other.Digest()) + ".pub": false, "root-" + hostkey.CommunityDigest(other.RSA()) + ".pub": false,
	} {
		dir := ppkeys(t)
		mustWrite(t, filepath.Join(dir, name), k.PEM())
		trust, err := hostkey.OpenTrust(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, trusted := trust.Lookup(k.Digest()); !trusted {
			t.Errorf("%s: not trusted", name)
		}
		if _, trusted := trust.Lookup(other.Digest()); trusted {
			t.Errorf("%s: another is trusted by its name", name)
		}
		if problems := trust.Problems(); (len(problems) == 0) != right {
			t.Errorf("%s: %v", name, problems)
		}
		trust.Close()
	}
}
