package hostkey_test

import (
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// Who may be called what, by what keys are bound to.
func TestNames(t *testing.T) {
	trust, file := heeding(t)
	bound := func(name string, to ...string) hostkey.Decision {
		d := approval(t, name)
		d.Names = to
		return d
	}
	gone := revocation(t, "rsa1024")
	gone.Names = []string{"gone.example.com"}
	inFolder := hostkey.Decision{Digest: mustPair(t, "rsa2048").Digest(), State: hostkey.Bound, Names: []string{"www2.example.com", "web.example.net"}}
	a, b, free := mustPair(t, "rsa3072").Digest(), inFolder.Digest, mustPair(t, "rsa4096").Digest()
	if names := trust.Names(); names != nil || !names.May(a, "www1") || !names.Free("", "www1") || names.Bound(a) {
		t.Error("where nothing is decided")
	}
	mustDecide(t, file, bound("rsa3072", "www1.example.com", "db1"), inFolder, gone, approval(t, "rsa4096"))
	if !trusts(t, trust, "rsa2048") || trusts(t, trust, "rsa1024") {
		t.Error("names are no trust")
	}
	names := trust.Names()
	if !names.Bound(a) || !names.Bound(b) || names.Bound(free) || names.Bound("") {
		t.Error("who is bound")
	}
	for name, c := range map[string]struct{ may, free string }{ // of a, b, the one that is not bound, and nobody
		"www1.example.com":  {"a", "a"},
		"WWW1.Example.com":  {"a", "a"},
		"www1.example.com.": {"a", "a"},
		"www1":              {"a", "a"},
		"db1":               {"a", "a"},
		"web":               {"b", "b"},
		"www2.example.com":  {"b", "b"},
		"gone.example.com":  {"", ""},
		"gone":              {"", ""},
		"www1.example.net":  {"f-", "abf-"},
		"example.com":       {"f-", "abf-"},
		"db1.example.com":   {"f-", "abf-"},
		"":                  {"f-", "abf-"},
	} {
		var may, isFree strings.Builder
		for as, d := range map[string]hostkey.Digest{"a": a, "b": b, "f": free, "-": ""} {
			if names.May(d, name) {
				may.WriteString(as)
			}
			if names.Free(d, name) {
				isFree.WriteString(as)
			}
		}
		if !same(may.String(), c.may) || !same(isFree.String(), c.free) {
			t.Errorf("%q: %q may, free for %q; want %q and %q", name, may.String(), isFree.String(), c.may, c.free)
		}
	}
}

// same tells whether two texts are of the same letters.
func same(a, b string) bool {
	return len(a) == len(b) && strings.Trim(a, b) == ""
}

// Whole names are one key's, what they begin with may be several's; and nothing that
// is no name is kept.
func TestNamesThatDoNotHold(t *testing.T) {
	file := t.TempDir() + "/keys.json"
	bound := func(key, name string) hostkey.Decision {
		d := approval(t, key)
		d.Names = []string{name}
		return d
	}
	mustDecide(t, file, bound("rsa2048", "www.example.com"), bound("rsa3072", "www.example.net"))
	wantError(t, hostkey.Decide(t.Context(), file, bound("rsa4096", "WWW.example.com")), "www.example.com would be the name of")
	for _, name := range []string{"", "a b", "a\x00", "-a", "a.", "ä", strings.Repeat("a", 254)} {
		wantError(t, hostkey.Decide(t.Context(), file, bound("rsa4096", name)), "is not a host name")
	}
	many := approval(t, "rsa4096")
	for range 65 {
		many.Names = append(many.Names, "x"+strings.Repeat("y", len(many.Names)))
	}
	wantError(t, hostkey.Decide(t.Context(), file, many), "64 are the most")
	wantError(t, hostkey.Decide(t.Context(), file, hostkey.Decision{Digest: many.Digest, State: hostkey.Bound}), "expected approved")
	revoked := revocation(t, "rsa2048")
	revoked.Names = []string{"www.example.com"}
	mustDecide(t, file, revoked, bound("rsa4096", "www.example.com"))
}

func TestParseName(t *testing.T) {
	long := strings.Repeat("a", 253)
	for text, want := range map[string]string{
		"WWW1.Example.com": "www1.example.com", "_a-b.c_": "_a-b.c_", "7": "7", long: long,
		"": "", long + "a": "", ".a": "", "a.": "", "-a": "", "a-": "", "-": "", "a b": "", "a/b": "", "é": "", "a\n": "",
	} {
		if got, err := hostkey.ParseName(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
