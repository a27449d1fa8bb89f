package listener_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
)

// Who is not listed may not (DESIGN.md section 9).
func TestMay(t *testing.T) {
	const a, b = hostkey.Digest("SHA=a"), hostkey.Digest("SHA=b")
	list := map[hostkey.Digest]bool{a: true}
	for name, c := range map[string]struct {
		feed           listener.Feed
		may, listeners []hostkey.Digest
	}{
		"left out":         {listener.Feed{}, nil, nil},
		"empty":            {listener.Feed{Senders: map[hostkey.Digest]bool{}}, nil, nil},
		"trusted":          {listener.Feed{Trusted: true}, []hostkey.Digest{a, b}, nil},
		"list":             {listener.Feed{Senders: list}, []hostkey.Digest{a}, []hostkey.Digest{a}},
		"trusted and list": {listener.Feed{Trusted: true, Senders: list}, []hostkey.Digest{a, b}, []hostkey.Digest{a}},
		"unsigned":         {listener.Feed{Unsigned: true}, []hostkey.Digest{""}, nil},
		"both":             {listener.Feed{Unsigned: true, Senders: list}, []hostkey.Digest{"", a}, []hostkey.Digest{a}},
	} {
		var may, listeners []hostkey.Digest
		for _, d := range []hostkey.Digest{"", a, b} {
			if c.feed.May(d, false) {
				may = append(may, d)
			}
			if d != "" && c.feed.May(d, true) {
				listeners = append(listeners, d)
			}
		}
		if !slices.Equal(may, c.may) || !slices.Equal(listeners, c.listeners) {
			t.Errorf("%s: %q may, and the listeners %q, want %q and %q", name, may, listeners, c.may, c.listeners)
		}
	}
}

// What a listener sealed is taken where its host is named, and only there, and
// has the listener's own word for who sent it.
func TestListenersVoice(t *testing.T) {
	other := hosts().other
	key, err := message.NewSessionKey(other, noon, time.Hour)
	must(t, err)
	for name, c := range map[string]struct {
		feed listener.Feed
		aud  hostkey.Digest
		want message.Code
	}{
		"named":    {listener.Feed{Senders: map[hostkey.Digest]bool{other.Digest(): true}}, "", ""},
		"for us":   {listener.Feed{Senders: map[hostkey.Digest]bool{other.Digest(): true}}, hosts().hub.Digest(), ""},
		"not us":   {listener.Feed{Senders: map[hostkey.Digest]bool{other.Digest(): true}}, hosts().node.Digest(), message.NotForMe},
		"trusted":  {listener.Feed{Trusted: true}, "", message.Denied},
		"unsigned": {listener.Feed{Unsigned: true}, "", message.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *listener.Options) { o.Rules = rules(t, map[string]listener.Feed{"host": c.feed}) })
			frame, err := key.Seal(host("m-1"), message.Header{Iat: noon.Unix(), Exp: noon.Unix() + 60, Aud: string(c.aud)})
			must(t, err)
			if a := s.ask(frame); a.Code != c.want {
				t.Errorf("%+v, want %q", a.Receipt, c.want)
			}
			if m := s.stored(); c.want == "" && (len(m) != 1 || m[0].Sender != string(other.Digest())) {
				t.Errorf("stored %+v", m)
			}
		})
	}
}

// The same by whole messages: a list is of hosts whose keys are trusted too.
func TestFrom(t *testing.T) {
	node, other, stranger := hosts().node, hosts().other, hosts().stranger
	only := func(p *hostkey.Pair) listener.Feed {
		return listener.Feed{Senders: map[hostkey.Digest]bool{p.Digest(): true}}
	}
	for name, c := range map[string]struct {
		feed listener.Feed
		by   *hostkey.Pair
		want message.Code
	}{
		"trusted":                   {listener.Feed{Trusted: true}, node, ""},
		"trusted, stranger":         {listener.Feed{Trusted: true}, stranger, message.UnknownSender},
		"list":                      {only(node), node, ""},
		"list, not in it":           {only(node), other, message.Denied},
		"list, key not trusted":     {only(stranger), stranger, message.UnknownSender},
		"left out":                  {listener.Feed{}, node, message.Denied},
		"unsigned is for bare ones": {listener.Feed{Unsigned: true}, node, message.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *listener.Options) { o.Rules = rules(t, map[string]listener.Feed{"host": c.feed}) })
			if a := s.ask(envelope(c.by, claims{}, host("m-1"))); a.Code != c.want {
				t.Errorf("%+v, want %q", a.Receipt, c.want)
			}
		})
	}
}

// A feed that says so takes bare containers, and tells their senders what is
// wrong with them. Any other learns the code alone.
func TestUnsignedFeed(t *testing.T) {
	s := start(t, func(o *listener.Options) {
		o.Rules = rules(t, map[string]listener.Feed{"host": {Unsigned: true}, "domain": {Trusted: true}})
	})
	for _, c := range []struct {
		frame    string
		code     message.Code
		id, told string
	}{
		{string(host("m-1")), "", "m-1", ""},
		{string(container("host", "m-2", "1.0", `{"uqhost":7}`)), message.InvalidContent, "m-2", "/uqhost"},
		{string(container("host", "m-3", "9.9", `{"uqhost":7}`)), message.UnknownSchema, "m-3", "9.9"},
		{string(container("domain", "m-4", "1.0", `{}`)), message.Unsigned, "m-4", ""},
		{string(container("nosuch", "m-5", "1.0", `{}`)), message.Unsigned, "m-5", ""},
		{`{"host":{"message_id":"m-6"`, message.Malformed, message.NilID, ""},
		{`{"host":1,"host":2}`, message.Malformed, message.NilID, ""},
	} {
		a := s.ask([]byte(c.frame))
		if a.Code != c.code || a.ID != c.id || !strings.Contains(a.Reason, c.told) || (c.told == "") != (a.Reason == "") {
			t.Errorf("%s: %s %+v", c.frame, a.ID, a.Receipt)
		}
	}
	if m := s.stored(); len(m) != 1 || m[0].Sender != "" || m[0].IssuedAt != 0 || string(m[0].Frame) != string(host("m-1")) {
		t.Errorf("stored: %+v", m)
	}
	for _, d := range s.dead() {
		if d.Sender != "" {
			t.Errorf("dead letter of %s: nobody was proved", d.Sender)
		}
	}
}

// Reload takes over other feeds at once, and other keys.
func TestReload(t *testing.T) {
	s := start(t, nil)
	receipt := container("receipt", "m-1", "1.0", `{"status":"stored"}`)
	if a := s.ask(fromNode(receipt)); a.Code != message.UnknownSchema {
		t.Errorf("before: %+v", a.Receipt)
	}
	must(t, os.Remove(filepath.Join(s.keys, "other.pub")))
	must(t, s.Reload(rules(t, map[string]listener.Feed{"receipt": {Trusted: true}})))
	if a := s.ask(fromNode(receipt)); a.Status != message.Stored {
		t.Errorf("after: %+v", a.Receipt)
	}
	if a := s.ask(fromNode(host("m-2"))); a.Code != message.UnknownSchema {
		t.Errorf("the old feed, after: %+v", a.Receipt)
	}
	if a := s.ask(envelope(hosts().other, claims{}, receipt)); a.Code != message.UnknownSender {
		t.Errorf("the removed key, after: %+v", a.Receipt)
	}
	must(t, os.RemoveAll(s.keys))
	if err := s.Reload(rules(t, nil)); err == nil {
		t.Error("a folder of keys that is gone is no error")
	}
}
