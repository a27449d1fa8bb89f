package listener_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
)

// A host that is bound to names says those of itself, nobody else says them, and what
// no key is bound to is anybody's to say. Of others than itself a host says nothing
// that names bind.
func TestNames(t *testing.T) {
	node, other := hosts().node, hosts().other
	file := filepath.Join(t.TempDir(), "keys.json")
	must(t, hostkey.Decide(t.Context(), file, hostkey.Decision{Digest: node.Digest(), State: hostkey.Bound, Names: []string{"www1.example.com", "db1"}}))
	s := start(t, func(o *listener.Options) {
		must(t, o.Trust.Heed(file))
		o.Rules = rules(t, map[string]listener.Feed{"host": {Trusted: true, Unsigned: true}, "domain": {Trusted: true}})
	})
	for content, c := range map[string]struct{ node, other, nobody message.Code }{
		`{"uqhost":"www1"}`:                                                    {"", message.Denied, message.Denied},
		`{"uqhost":"www1","fqhost":"www1.example.com"}`:                        {"", message.Denied, message.Denied},
		`{"uqhost":"DB1","fqhost":"WWW1.example.com"}`:                         {"", message.Denied, message.Denied},
		`{"fqhost":"www1.example.com","uqhost":"free"}`:                        {message.Denied, message.Denied, message.Denied},
		`{"\u0075qhost":"\u0077ww1"}`:                                          {"", message.Denied, message.Denied},
		`{"uqhost":"free"}`:                                                    {message.Denied, "", ""},
		`{"uqhost":"free","fqhost":"free.example.com","domain":"example.com"}`: {message.Denied, "", ""},
		`{"uqhost":"www1","domain":"example.net"}`:                             {"", message.Denied, message.Denied},
		`{"uqhost":"db1","domain":"example.com"}`:                              {"", message.Denied, message.Denied},
		`{"uqhost":"www1.example","domain":"com"}`:                             {message.Denied, message.Denied, message.Denied},
		`{"uqhost":"free","site":{"uqhost":"www1"}}`:                           {message.Denied, "", ""},
		`{"uqhost":7}`: {message.InvalidContent, message.InvalidContent, message.InvalidContent},
		`[1]`:          {message.InvalidContent, message.InvalidContent, message.InvalidContent},
		`"www1"`:       {message.InvalidContent, message.InvalidContent, message.InvalidContent},
	} {
		frame := container("host", message.NewID(), "1.0", content)
		for who, by := range map[string]struct {
			frame []byte
			want  message.Code
		}{
			"the host": {envelope(node, claims{}, frame), c.node}, "another": {envelope(other, claims{}, frame), c.other}, "nobody": {frame, c.nobody},
		} {
			a := s.ask(by.frame)
			if a.Code != by.want || by.want == message.Denied && !strings.Contains(a.Reason, "--name") {
				t.Errorf("%s says %s: %+v, want %q", who, content, a.Receipt, by.want)
			}
			if strings.Contains(a.Reason, string(node.Digest())) {
				t.Errorf("%s hears whose it is: %s", who, a.Reason)
			}
		}
	}
	for _, by := range []*hostkey.Pair{node, other} { // site data is no host's word about itself
		if a := s.ask(envelope(by, claims{}, container("domain", message.NewID(), "1.0", `{"domain":"www1"}`))); a.Code != "" {
			t.Errorf("%+v", a.Receipt)
		}
	}
	must(t, hostkey.Decide(t.Context(), file, hostkey.Decision{Digest: node.Digest()}))
	if a := s.ask(envelope(other, claims{}, container("host", message.NewID(), "1.0", `{"uqhost":"www1"}`))); a.Code != "" {
		t.Errorf("taken back: %+v", a.Receipt)
	}
}
