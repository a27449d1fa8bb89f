package main

import (
	"crypto/rsa"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

func pairOf(t *testing.T, k *rsa.PrivateKey) *hostkey.Pair {
	t.Helper()
	pair, err := hostkey.ParsePrivate(privatePEM(k))
	must(t, err)
	return pair
}

// keysOf reads what keys list --json prints.
func keysOf(t *testing.T, out string) map[string]keyLine {
	t.Helper()
	all := map[string]keyLine{}
	for line := range strings.Lines(out) {
		var l keyLine
		must(t, json.Unmarshal([]byte(line), &l))
		all[l.Digest] = l
	}
	return all
}

// The whole life of a stranger's key at a running listener: pending with where
// and when, approved, revoked; each holds for the next message.
func TestKeys(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	other := pairOf(t, attackerKey())
	digest := string(other.Digest())
	say := func(id string, seal func([]byte, message.Header, *hostkey.Pair) ([]byte, error)) message.Receipt {
		t.Helper()
		frame, err := seal(hostContainer(id, `{"uqhost":"www2"}`), message.Header{Iat: time.Now().Unix(), Exp: time.Now().Unix() + 3600}, other)
		must(t, err)
		return request(t, r.client, r.endpoint, frame)
	}
	if got := say("m-1", message.Enrol); got.Code != message.UnknownSender || got.Reason != "" {
		t.Errorf("%+v", got)
	}
	await(t, "pending key", func() bool { return keysOf(t, s.mustCLI("keys", "list", "--json"))[digest].State == "pending" })
	all := keysOf(t, s.mustCLI("keys", "list", "--json"))
	if l := all[digest]; l.Source != "127.0.0.1" || l.FirstSeen == nil || len(all) != 2 {
		t.Errorf("%+v", all)
	}
	if l := all[string(s.pair.Digest())]; l.State != "trusted" || l.Source != filepath.Join(s.keys, "localhost.pub") || l.FirstSeen == nil {
		t.Errorf("the own key: %+v", l)
	}
	if out := s.mustCLI("keys", "approve", digest); !strings.Contains(out, "trusted  "+digest) {
		t.Error(out)
	}
	if got := say("m-1", message.Seal); got.Status != message.Stored {
		t.Errorf("approved: %+v", got)
	}
	if out := s.mustCLI("keys", "revoke", digest, "--json"); keysOf(t, out)[digest].State != "revoked" {
		t.Error(out)
	}
	if got := say("m-2", message.Seal); got.Code != message.UnknownSender {
		t.Errorf("revoked: %+v", got)
	}
	if l := keysOf(t, s.mustCLI("keys", "list", "--json"))[digest]; l.State != "revoked" || l.Source != "127.0.0.1" || l.FirstSeen == nil {
		t.Errorf("%+v", l)
	}
	if out := s.mustCLI("keys", "list", "--only", "pending", "--json"); out != "" {
		t.Error(out)
	}
}

// What is decided goes before the folder, and is taken back by the contrary.
func TestKeysBeforeTheFolder(t *testing.T) {
	s := newSite(t, loopback...)
	must(t, os.Mkdir(s.state, 0o700))
	other := pairOf(t, attackerKey())
	digest, file := string(other.Digest()), filepath.Join(s.keys, "other.pub")
	must(t, os.WriteFile(file, other.Public().PEM(), 0o600))
	state := func(want string) {
		t.Helper()
		if l := keysOf(t, s.mustCLI("keys", "list", "--json"))[digest]; l.State != want || want != "" && l.Source != file {
			t.Errorf("%+v, want %s", l, want)
		}
	}
	state("trusted")
	s.mustCLI("keys", "revoke", digest)
	s.mustCLI("keys", "revoke", digest)
	state("revoked")
	s.mustCLI("keys", "approve", digest)
	s.mustCLI("keys", "approve", digest)
	state("trusted")
	must(t, os.Remove(file))
	state("") // it was of the folder alone
	must(t, os.WriteFile(file, other.Public().PEM(), 0o600))
	s.mustCLI("keys", "revoke", file)
	must(t, os.Remove(file))
	state("revoked")

	elsewhere := filepath.Join(s.dir, "other.pub")
	must(t, os.WriteFile(elsewhere, other.Public().PEM(), 0o600))
	s.mustCLI("keys", "approve", elsewhere)
	state("trusted")
}

func TestKeysRefuse(t *testing.T) {
	s := newSite(t, loopback...)
	must(t, os.Mkdir(s.state, 0o700))
	unknown := "SHA=" + strings.Repeat("a", 64)
	for _, c := range []struct {
		args  []string
		says  string
		usage bool
	}{
		{[]string{"keys"}, "list, approve or revoke", true},
		{[]string{"keys", "approve"}, "requires at least 1 arg", true},
		{[]string{"keys", "approve", unknown}, "did not ask to be trusted", false},
		{[]string{"keys", "approve", "SHA=12"}, "is not a key digest", true},
		{[]string{"keys", "approve", "MD5=" + strings.Repeat("0", 32)}, "is not a key digest", true},
		{[]string{"keys", "approve", "nowhere.pub"}, "or the file of a public key", false},
		{[]string{"keys", "approve", filepath.Join(s.keys, "localhost.priv")}, "private key", false},
		{[]string{"keys", "revoke", string(s.pair.Digest())}, "the listener's own key", false},
		{[]string{"keys", "list", "--only", "new"}, "expected pending, trusted, revoked", true},
	} {
		_, err := s.cli(c.args...)
		if wantError(t, err, c.says); isUsage(err) != c.usage {
			t.Errorf("%q: usage is %v", c.args, isUsage(err))
		}
	}
	if out := s.mustCLI("keys", "revoke", unknown); !strings.Contains(out, "revoked  "+unknown) {
		t.Error(out)
	}
	must(t, os.WriteFile(filepath.Join(s.state, "keys.json"), []byte("[{"), 0o600))
	for _, args := range [][]string{{"keys", "list"}, {"keys", "approve", unknown}, {"run"}, {"check"}} {
		if out, err := s.cli(args...); err == nil || !strings.Contains(err.Error()+out, "keys.json") {
			t.Errorf("%q with a damaged file: %v\n%s", args, err, out)
		}
	}
}
