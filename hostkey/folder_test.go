package hostkey_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// eventually waits until what is said holds, at most the time in which the
// folder must have been noticed on the slowest machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
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
