package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func TestTheListenersKeyIsFoundByContent(t *testing.T) {
	m := newNode(t)
	keys, hub := m.work.keys(), hubKey().pair.Digest()
	mustWrite(t, filepath.Join(keys, "root-MD5=0123.pub"), hubKey().public)
	mustWrite(t, filepath.Join(keys, "broken.pub"), []byte("no key"))
	mustWrite(t, filepath.Join(keys, "a.pub", "folder"), nil)
	named := filepath.Join(t.TempDir(), "key.pub")
	mustWrite(t, named, hubKey().public)
	for what, text := range map[string]string{"by digest": string(hub), "by path": named} {
		if key, err := m.listener(t.Context(), text); err != nil || key.Digest() != hub {
			t.Errorf("%s: %v, %v", what, key, err)
		}
	}
	if key, err := m.listener(t.Context(), string(nodeKey().pair.Digest())); err != nil || key == nil {
		t.Errorf("this host's own: %v", err)
	}
	if key, err := m.listener(t.Context(), ""); key != nil || err != nil {
		t.Errorf("none: %v, %v", key, err)
	}
}

func TestAListenersKeyThatIsNotThere(t *testing.T) {
	m := newNode(t)
	stranger := string(strangerKey().pair.Digest())
	_, err := m.listener(t.Context(), stranger)
	mustFail(t, err, stranger, m.work.keys(), "bootstrap")
	_, err = m.listener(t.Context(), "/nowhere/hub.pub")
	mustFail(t, err, "/nowhere/hub.pub", "is not there", "localhost.pub")
	_, err = m.listener(t.Context(), filepath.Join(m.work.keys(), "localhost.priv"))
	mustFail(t, err, "localhost.priv", "private key")
	m.work = workDir(filepath.Join(string(m.work), "nowhere"))
	m.found = nil
	_, err = m.listener(t.Context(), stranger)
	mustFail(t, err, stranger, "nowhere/ppkeys")
	if _, ok := m.trusted(t.Context(), hubKey().pair.Digest()); ok {
		t.Error("a key was found in no folder")
	}
}

// The module trusts what the listener's trust store would trust.
func TestKeysThatEverybodyMayWriteProveNothing(t *testing.T) {
	for what, spoil := range map[string]func(t *testing.T, file string) error{
		"writable by others": func(_ *testing.T, file string) error { return os.Chmod(file, 0o606) },
		"a link": func(t *testing.T, file string) error {
			elsewhere := filepath.Join(t.TempDir(), "x.pub")
			mustWrite(t, elsewhere, hubKey().public)
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.Symlink(elsewhere, file)
		},
		"another ending": func(_ *testing.T, file string) error { return os.Rename(file, file+".old") },
	} {
		m := newNode(t)
		trustHub(t, m)
		if err := spoil(t, filepath.Join(m.work.keys(), "root-MD5=whatever.pub")); err != nil {
			t.Fatal(err)
		}
		if _, ok := m.trusted(t.Context(), hubKey().pair.Digest()); ok {
			t.Errorf("%s: trusted", what)
		}
	}
}

// A hub has tens of thousands of keys: they are searched once in a run, and no
// longer than the promise has.
func TestTheSearchForAKeyIsBounded(t *testing.T) {
	m := newNode(t)
	trustHub(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.listener(ctx, string(hubKey().pair.Digest()))
	mustFail(t, err, m.work.keys(), "canceled")
	for range 2 {
		if _, ok := m.trusted(t.Context(), hubKey().pair.Digest()); !ok {
			t.Error("not found after a search that was cut short")
		}
		if err := os.RemoveAll(m.work.keys()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAKeyThatOnlyRootMayRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	m := newNode(t)
	if err := os.Chmod(filepath.Join(m.work.keys(), "localhost.priv"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := m.pair()
	mustFail(t, err, "localhost.priv", "as root")
}

func BenchmarkFindKey(b *testing.B) {
	for _, n := range []int{3, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			folder := b.TempDir()
			for i := range n {
				mustWrite(b, filepath.Join(folder, fmt.Sprintf("root-MD5=%032x.pub", i)), strangerKey().public)
			}
			for b.Loop() {
				if key, err := findKey(b.Context(), folder, hostkey.Digest(hubKey().pair.Digest())); key != nil || err != nil {
					b.Fatal(key, err)
				}
			}
		})
	}
}
