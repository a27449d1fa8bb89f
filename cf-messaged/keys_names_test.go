package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// A name that two hosts say is a conflict until a key is bound to it: from the next
// message on it is that host's alone, and that host has no other.
func TestKeysBound(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	www1, other := s.pair, pairOf(t, attackerKey())
	file := filepath.Join(s.keys, "other.pub")
	must(t, os.WriteFile(file, other.Public().PEM(), 0o600))
	says := 0
	say := func(by *hostkey.Pair, content string) message.Receipt {
		t.Helper()
		says++
		now := time.Now().Unix()
		frame, err := message.Seal(hostContainer(fmt.Sprint("m-", says), content), message.Header{Iat: now, Exp: now + 3600}, by)
		must(t, err)
		return request(t, r.client, r.endpoint, frame)
	}
	want := func(what string, by *hostkey.Pair, content string, code message.Code) {
		t.Helper()
		if got := say(by, content); got.Code != code || (code == "") != (got.Status == message.Stored) || code != "" && !strings.Contains(got.Reason, "keys approve --name") {
			t.Errorf("%s: %+v, want %q", what, got, code)
		}
	}
	const mine, others = `{"uqhost":"www1","fqhost":"www1.example.com","domain":"example.com"}`, `{"uqhost":"other"}`
	want("nobody is bound", www1, mine, "")
	await(t, "the folder's other key", func() bool { return say(other, mine).Status == message.Stored })
	if out := s.mustCLI("conflicts"); strings.Count(out, "www1.example.com") != 2 {
		t.Errorf("the conflict:\n%s", out)
	}

	digest := string(www1.Digest())
	out, told, err := s.cliTold("keys", "approve", digest, "--name", "WWW1.example.com")
	must(t, err)
	if !strings.Contains(out, "trusted  "+digest) || !strings.Contains(out, " www1.example.com\n") {
		t.Error(out)
	}
	if strings.Count(told, "\n") != 1 || !strings.Contains(told, string(other.Digest())+" said before that it is www1.example.com") {
		t.Errorf("told of who was called so before: %q", told)
	}
	if l := keysOf(t, s.mustCLI("keys", "list", "--json"))[digest]; fmt.Sprint(l.Names) != "[www1.example.com]" || l.State != "trusted" {
		t.Errorf("%+v", l)
	}
	want("another says its name", other, mine, message.Denied)
	want("another says its short name", other, `{"uqhost":"www1"}`, message.Denied)
	want("another says its own", other, others, "")
	want("it says its own", www1, mine, "")
	want("it says another's", www1, others, message.Denied)
	if out := s.mustCLI("conflicts"); strings.Contains(out, "www1.example.com") {
		t.Errorf("the conflict is over:\n%s", out)
	}
	if out := s.mustCLI("dead", "list", "--json"); strings.Count(out, `"code":"denied"`) != 3 {
		t.Errorf("dead letters:\n%s", out)
	}

	_, err = s.cli("keys", "approve", string(other.Digest()), "--name", "www1.example.com")
	wantError(t, err, "revoke the key that is no more")
	s.mustCLI("keys", "approve", digest, "--any-name")
	want("bound no more", www1, others, "")
	want("nor is the name", other, mine, "")
}

// A key in the folder that is bound is trusted for as long as it lies there; its names
// stay while it is revoked, and go to the key that takes its place.
func TestKeysBoundInTheFolder(t *testing.T) {
	s := newSite(t, loopback...)
	must(t, os.Mkdir(s.state, 0o700))
	www2, next := pairOf(t, attackerKey()), pairOf(t, squattedKey())
	digest, file := string(www2.Digest()), filepath.Join(s.keys, "www2.pub")
	must(t, os.WriteFile(file, www2.Public().PEM(), 0o600))
	state := func(want, names string) {
		t.Helper()
		l := keysOf(t, s.mustCLI("keys", "list", "--json"))[digest]
		if l.State != want || strings.Join(l.Names, " ") != names {
			t.Errorf("%+v, want %s, %q", l, want, names)
		}
	}
	s.mustCLI("keys", "approve", digest, "--name", "www2.example.com", "--name", "www2.example.net")
	state("trusted", "www2.example.com www2.example.net")
	s.mustCLI("keys", "approve", digest)
	state("trusted", "www2.example.com www2.example.net")
	must(t, os.Remove(file))
	state("", "")
	must(t, os.WriteFile(file, www2.Public().PEM(), 0o600))
	s.mustCLI("keys", "revoke", digest)
	state("revoked", "www2.example.com www2.example.net")
	elsewhere := filepath.Join(s.dir, "next.pub")
	must(t, os.WriteFile(elsewhere, next.Public().PEM(), 0o600))
	s.mustCLI("keys", "approve", elsewhere, "--name", "www2.example.com")
	_, err := s.cli("keys", "approve", digest)
	wantError(t, err, "would be the name of")
	s.mustCLI("keys", "approve", digest, "--any-name")
	state("trusted", "")
}

func TestKeysNamesRefused(t *testing.T) {
	s := newSite(t, loopback...)
	must(t, os.Mkdir(s.state, 0o700))
	own := string(s.pair.Digest())
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{own, "--name", "no name"}, "is not a host name"},
		{[]string{own, "--name", "www1."}, "is not a host name"},
		{[]string{own, "--name", ""}, "is not a host name"},
		{[]string{own, own, "--name", "www1"}, "for one key"},
		{[]string{own, "--name", "www1", "--any-name"}, "not with --any-name"},
	} {
		_, err := s.cli(append([]string{"keys", "approve"}, c.args...)...)
		if wantError(t, err, c.says); !isUsage(err) {
			t.Errorf("%q is no usage error", c.args)
		}
	}
}
