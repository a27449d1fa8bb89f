package hostkey

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// strangerKeys are many keys that nobody knows. Their moduli are no products of
// primes: nothing is ever signed by them.
func strangerKeys(t *testing.T, n int) []*PublicKey {
	t.Helper()
	text, err := os.ReadFile("testdata/rsa1024.pub")
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParsePublic(text)
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]*PublicKey, n)
	for i := range keys {
		other := k.RSA()
		other.N.SetInt64(int64(2*i + 1))
		other.N.SetBit(other.N, 1023, 1)
		if keys[i], err = NewPublicKey(other); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func openPending(t *testing.T, file string, settled func(Digest) bool) *Pending {
	t.Helper()
	return OpenPending(file, settled, func(err error) { t.Error(err) })
}

func nobody(Digest) bool { return false }

func mustClosePending(t *testing.T, p *Pending) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPendingIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pending.json")
	keys := strangerKeys(t, 3)
	p := openPending(t, file, nobody)
	for i, want := range []bool{true, true, false} {
		if got := p.Add(keys[i%2], fmt.Sprint("192.0.2.", i)); got != want {
			t.Errorf("%d: %v", i, got)
		}
	}
	mustClosePending(t, p)
	all, err := ReadPending(file)
	if err != nil || len(all) != 2 || all[0].Digest != keys[0].Digest() || all[0].Peer != "192.0.2.0" || time.Since(all[0].FirstSeen) > time.Minute {
		t.Errorf("%+v, %v", all, err)
	}
	// The next listener knows them, and forgets what is settled meanwhile.
	p = openPending(t, file, func(d Digest) bool { return d == keys[0].Digest() })
	if p.Add(keys[0], "192.0.2.0") || p.Add(keys[1], "192.0.2.9") || !p.Add(keys[2], "192.0.2.2") {
		t.Error("known keys")
	}
	mustClosePending(t, p)
	if all, err := ReadPending(file); err != nil || len(all) != 2 || all[0].Digest != keys[1].Digest() || all[0].Peer != "192.0.2.1" {
		t.Errorf("%+v, %v", all, err)
	}
}

// Whoever makes keys fills what is his, and no more.
func TestPendingIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pending.json")
	keys := strangerKeys(t, maxPending+maxFromPeer+2)
	var settled atomic.Bool
	p := openPending(t, file, func(Digest) bool { return settled.Load() })
	now := time.Now()
	p.now = func() time.Time { return now }
	add := func(from string, keys []*PublicKey) (kept int) {
		for _, k := range keys {
			if p.Add(k, from) {
				kept++
			}
		}
		return kept
	}
	n := 0
	for i, k := range keys[:maxFromPeer+1] {
		n += add(fmt.Sprintf("2001:db8::%x", i), []*PublicKey{k})
	}
	if n != maxFromPeer {
		t.Errorf("%d kept of one network", n)
	}
	rest := keys[maxFromPeer+1:]
	kept := 0
	for i, k := range rest {
		kept += add(fmt.Sprint("peer ", i/50), []*PublicKey{k})
	}
	if kept != maxPending-maxFromPeer {
		t.Errorf("%d kept besides", kept)
	}
	last := rest[len(rest)-1:]
	now = now.Add(2 * writePause)
	if n := add("192.0.2.200", last); n != 0 {
		t.Error("more than there is room for")
	}
	// What was not approved for a month makes room for who still asks.
	now = now.Add(pendingLife)
	if n := add("192.0.2.200", last); n != 1 {
		t.Error("no room after a month")
	}
	mustClosePending(t, p)
	if all, err := ReadPending(file); err != nil || len(all) != 1 {
		t.Errorf("%d kept, %v", len(all), err)
	}
}

// What is written follows what is known within seconds, a crowd at once.
func TestPendingIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pending.json")
	p := openPending(t, file, nobody)
	defer mustClosePending(t, p)
	for _, k := range strangerKeys(t, 50) {
		p.Add(k, "192.0.2.1")
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if all, err := ReadPending(file); err == nil && len(all) == 50 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("not written")
		}
	}
}

// A file that is damaged is told, made anew, and no reason not to listen: the hosts
// ask again.
func TestDamagedPending(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pending.json")
	for _, text := range []string{"", "[{]", `[{"digest":"../../etc","peer":"","first_seen":"2026-01-01T00:00:00Z","public_key":""}]`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPending(file); err == nil {
			t.Errorf("%q is taken", text)
		}
		var told error
		mustClosePending(t, OpenPending(file, nobody, func(err error) { told = err }))
		if all, err := ReadPending(file); told == nil || err != nil || len(all) != 0 {
			t.Errorf("%q: told %v, %d kept, %v", text, told, len(all), err)
		}
	}
}

// A file that cannot be written is told, and the listener goes on.
func TestPendingCannotBeWritten(t *testing.T) {
	failed := make(chan error, 10)
	p := OpenPending(filepath.Join(t.TempDir(), "nowhere", "pending.json"), nobody, func(err error) { failed <- err })
	p.Add(strangerKeys(t, 1)[0], "192.0.2.1")
	if err := <-failed; !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	mustClosePending(t, p)
}
