package hostkey_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func approval(t *testing.T, name string) hostkey.Decision {
	k := mustPair(t, name).Public()
	return hostkey.Decision{Digest: k.Digest(), State: hostkey.Approved, PublicKey: string(k.PEM()), Source: "192.0.2.7", DecidedAt: time.Now().UTC()}
}

func revocation(t *testing.T, name string) hostkey.Decision {
	return hostkey.Decision{Digest: mustPair(t, name).Digest(), State: hostkey.Revoked, DecidedAt: time.Now().UTC()}
}

func mustDecide(t *testing.T, file string, decisions ...hostkey.Decision) {
	t.Helper()
	if err := hostkey.Decide(t.Context(), file, decisions...); err != nil {
		t.Fatal(err)
	}
}

// heeding is a trust whose folder holds the key rsa2048, and a file of decisions.
func heeding(t *testing.T) (*hostkey.Trust, string) {
	t.Helper()
	dir := ppkeys(t)
	mustWrite(t, filepath.Join(dir, "node.pub"), mustRead(t, "testdata/rsa2048.pub"))
	trust, err := hostkey.OpenTrust(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trust.Close() })
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := trust.Heed(file); err != nil {
		t.Fatal(err)
	}
	return trust, file
}

func trusts(t *testing.T, trust *hostkey.Trust, name string) bool {
	t.Helper()
	d := mustPair(t, name).Digest()
	k, ok := trust.Lookup(d)
	listed := false
	for _, k := range trust.Keys() {
		listed = listed || k.Key.Digest() == d
	}
	if ok != (k != nil) || ok != listed || ok && k.Digest() != d {
		t.Errorf("%s: found %v, %v, listed %v", name, k, ok, listed)
	}
	return ok
}

// What is decided holds for the very next look, and goes before the folder.
func TestDecisionsHoldAtOnce(t *testing.T) {
	trust, file := heeding(t)
	for i, step := range []struct {
		decide         []hostkey.Decision
		folder, beside bool // rsa2048, in the folder, and rsa3072, which is not
	}{
		{nil, true, false},
		{[]hostkey.Decision{approval(t, "rsa3072")}, true, true},
		{[]hostkey.Decision{revocation(t, "rsa2048")}, false, true},
		{[]hostkey.Decision{revocation(t, "rsa3072"), approval(t, "rsa4096")}, false, false},
		{[]hostkey.Decision{approval(t, "rsa3072")}, false, true},
		{[]hostkey.Decision{{Digest: mustPair(t, "rsa2048").Digest()}, {Digest: mustPair(t, "rsa3072").Digest()}}, true, false},
	} {
		if step.decide != nil {
			mustDecide(t, file, step.decide...)
		}
		if a, b := trusts(t, trust, "rsa2048"), trusts(t, trust, "rsa3072"); a != step.folder || b != step.beside {
			t.Errorf("step %d: in the folder %v, beside it %v", i, a, b)
		}
	}
	if len(trust.Folder()) != 1 {
		t.Errorf("the folder has %d", len(trust.Folder()))
	}
	if d := mustPair(t, "rsa4096").Digest(); !trust.Settled(d) || trust.Settled(mustPair(t, "rsa1024").Digest()) {
		t.Error("settled")
	}
}

// A file that is damaged brings back nothing that was revoked, and is told.
func TestDamagedDecisions(t *testing.T) {
	other := approval(t, "rsa3072")
	other.Digest = mustPair(t, "rsa1024").Digest()

	for name, text := range map[string]string{
		"empty":           "",
		"cut":             `[{"digest":`,
		"another member":  `[{"digest":"SHA=` + strings.Repeat("0", 64) + `","state":"revoked","decided_at":"2026-01-01T00:00:00Z","x":1}]`,
		"another state":   `[{"digest":"SHA=` + strings.Repeat("0", 64) + `","state":"Revoked","decided_at":"2026-01-01T00:00:00Z"}]`,
		"no digest":       `[{"digest":"MD5=00","state":"revoked","decided_at":"2026-01-01T00:00:00Z"}]`,
		"no key":          `[{"digest":"SHA=` + strings.Repeat("0", 64) + `","state":"approved","decided_at":"2026-01-01T00:00:00Z"}]`,
		"something after": `[] []`,
	} {
		t.Run(name, func(t *testing.T) {
			trust, file := heeding(t)
			mustDecide(t, file, revocation(t, "rsa2048"), approval(t, "rsa3072"))
			if trusts(t, trust, "rsa2048") || !trusts(t, trust, "rsa3072") {
				t.Fatal("decided")
			}
			mustWrite(t, file, []byte(text))
			if trusts(t, trust, "rsa2048") || !trusts(t, trust, "rsa3072") {
				t.Error("what was decided does not hold any more")
			}
			problems := trust.Problems()
			if len(problems) != 1 {
				t.Fatalf("problems %v", problems)
			}
			wantError(t, problems[0], file, "restore the file")
			if err := hostkey.Decide(t.Context(), file, revocation(t, "rsa3072")); err == nil {
				t.Error("it was written over")
			}
			fresh, err := hostkey.OpenTrust(filepath.Dir(trust.Folder()[0].File))
			if err != nil {
				t.Fatal(err)
			}
			defer fresh.Close()
			wantError(t, fresh.Heed(file), file)
		})
	}
	if err := hostkey.Decide(t.Context(), filepath.Join(t.TempDir(), "keys.json"), other); err == nil {
		t.Error("a key under another's digest is approved")
	}
}

// Programs that decide at once lose nothing, and none waits for ever.
func TestDecideAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() { mustDecide(t, file, approval(t, name)) })
	}
	all.Wait()
	if decided, err := hostkey.ReadDecisions(file); err != nil || len(decided) != len(names) {
		t.Errorf("%d decided, %v", len(decided), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	held, err := os.OpenFile(file+".lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	wantError(t, hostkey.Decide(ctx, file, approval(t, "rsa2048")), "locked by another process")
}

func BenchmarkLookupHeeding(b *testing.B) {
	for _, heeds := range []bool{false, true} {
		name := "folder"
		if heeds {
			name = "decided"
		}
		b.Run("of="+name, func(b *testing.B) {
			dir := b.TempDir()
			mustWrite(b, filepath.Join(dir, "node.pub"), mustRead(b, "testdata/rsa2048.pub"))
			trust, err := hostkey.OpenTrust(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer trust.Close()
			if heeds {
				if err := trust.Heed(filepath.Join(b.TempDir(), "keys.json")); err != nil {
					b.Fatal(err)
				}
			}
			d := mustPair(b, "rsa2048").Digest()
			for b.Loop() {
				if _, ok := trust.Lookup(d); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}

// The generation is another one after each change of what is trusted.
func TestGeneration(t *testing.T) {
	trust, file := heeding(t)
	was := trust.Generation()
	changes := func(what string) {
		t.Helper()
		now := trust.Generation()
		if now == was {
			t.Errorf("%s: still generation %d", what, now)
		}
		was = now
	}
	mustDecide(t, file, revocation(t, "rsa2048"))
	changes("revoked")
	mustDecide(t, file, approval(t, "rsa2048"))
	trusts(t, trust, "rsa2048") // whoever looks first
	changes("approved")
	if err := trust.Reload(); err != nil {
		t.Fatal(err)
	}
	changes("folder")
}
