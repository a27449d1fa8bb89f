package publish

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// What is said of a host changes its view, site data those of all, and each goes to
// its host alone, readable by nobody else.
func TestChanged(t *testing.T) {
	s, a, b := newSite(t), hosts().a, hosts().b
	s.say(a, "host", `{"uqhost":"one","domain":"example.com"}`)
	s.say(b, "host", `{"uqhost":"two","domain":"example.com"}`)
	s.subscribe("host_context", a, b)
	if p := s.hears(a, `"uqhost":"one"`); strings.Contains(string(p.Data), "two") {
		t.Errorf("one host hears of the other: %s", p.Data)
	}
	s.hears(b, `"uqhost":"two"`)

	s.say(a, "host", `{"uqhost":"three","domain":"example.com"}`)
	s.hears(a, `"uqhost":"three"`)
	s.quiet()

	s.say(hosts().hub, "domain", `{"domain":"example.com","location":"Utrecht"}`)
	heard := map[string]sent{}
	for range 2 {
		one := s.next()
		heard[one.topic] = one
	}
	for host, other := range map[*hostkey.Pair]*hostkey.Pair{a: b, b: a} {
		one := heard["host_context."+string(host.Digest())]
		opened, err := s.open(one, host)
		if err != nil || !strings.Contains(string(opened.Bytes), "Utrecht") {
			t.Errorf("%s, %v", opened.Bytes, err)
		}
		if opened, err := s.open(one, other); err == nil || opened.Bytes != nil {
			t.Errorf("another host reads %s", opened.Bytes)
		}
		if strings.Contains(string(one.frame), "Utrecht") || message.IsBare(one.frame) {
			t.Errorf("in the clear: %s", one.frame)
		}
	}

	// What leaves the answer as it is is not told again.
	s.say(hosts().hub, "domain", `{"domain":"other.example","location":"Utrecht"}`)
	s.say(a, "host", `{"uqhost":"three","domain":"example.com"}`)
	s.say(a, "software", `{"packages":[]}`)
	s.quiet()
}

// Who subscribes is told at once; who is not to know is not, nor who subscribes to
// less than the whole topic.
func TestSubscribed(t *testing.T) {
	s, a := newSite(t), hosts().a
	s.say(a, "host", `{"uqhost":"one"}`)
	s.later()
	for _, topic := range []string{
		"", "host_context", "host_context.", "host_context.SHA=", "host_context." + string(hosts().stranger.Digest()),
		"cmdb." + string(a.Digest()), "nosuch." + string(a.Digest()), "zone." + string(a.Digest()), "." + string(a.Digest()),
		"host_context." + strings.ToUpper(string(a.Digest())), "host_context." + string(a.Digest()) + ".more",
	} {
		s.Subscribed(topic, true)
	}
	s.say(hosts().hub, "domain", `{"domain":"","location":"Utrecht"}`)
	s.quiet()

	s.subscribe("host_context", a)
	s.hears(a, "Utrecht")
	s.subscribe("host_context", a) // as one that was restarted
	s.hears(a, "Utrecht")
	s.Subscribed("host_context."+string(a.Digest()), false)
	s.say(hosts().hub, "domain", `{"domain":"","location":"Delft"}`)
	s.quiet()
	s.subscribe("host_context", a)
	s.hears(a, "Delft")
	s.quiet()
}

// After a restart those who come again hear only what has changed meanwhile.
func TestRestart(t *testing.T) {
	s, a, b := newSite(t), hosts().a, hosts().b
	s.say(a, "host", `{"uqhost":"one"}`)
	s.say(b, "host", `{"uqhost":"two"}`)
	s.subscribe("host_context", a, b)
	s.hears(a)
	s.hears(b)
	s.quiet()
	s.must(s.Close())
	s.say(b, "host", `{"uqhost":"three"}`)
	s.later()
	s.start()
	s.subscribe("host_context", a, b)
	s.hears(b, "three")
	s.quiet()
	s.subscribe("host_context", b) // it may have been another who heard that
	s.hears(b, "three")
	s.later()
	s.subscribe("host_context", a) // a new one, who knows nothing
	s.hears(a, "one")
}

// A view for some, or for all that are trusted, is asked for once and goes to each
// of them in an encryption of its own.
func TestForMany(t *testing.T) {
	s, a, b := newSite(t), hosts().a, hosts().b
	s.writeView("all", "for: trusted\npublish_on: [host]\ncontainers: {hosts: {sql: SELECT uqhost FROM host}}\n")
	s.writeView("some", fmt.Sprintf("for: [%s, %s]\npublish_on: [host]\ncontainers: {hosts: {sql: SELECT uqhost FROM host}}\n", a.Digest(), hosts().stranger.Digest()))
	s.SetViews(s.load())
	s.subscribe("all", a, b, hosts().stranger)
	s.subscribe("some", a, b, hosts().stranger)
	heard := map[string]int{}
	hear := func(n int) {
		t.Helper()
		for range n {
			one := s.next()
			heard[one.topic]++
			for _, host := range []*hostkey.Pair{a, b} {
				if _, err := s.open(one, host); (err == nil) != strings.HasSuffix(one.topic, string(host.Digest())) {
					t.Errorf("%s: %v", one.topic, err)
				}
			}
		}
		s.quiet()
	}
	hear(3)
	s.say(b, "host", `{"uqhost":"two"}`)
	hear(3)
	for _, topic := range []string{"all." + string(a.Digest()), "all." + string(b.Digest()), "some." + string(a.Digest())} {
		if heard[topic] != 2 {
			t.Errorf("%v", heard)
		}
	}
}

// Other views are taken over, and told where they say something else.
func TestSetViews(t *testing.T) {
	s, a := newSite(t), hosts().a
	s.say(a, "host", `{"uqhost":"one"}`)
	s.subscribe("host_context", a)
	s.subscribe("mine", a) // there is none yet
	s.hears(a, "merged")
	s.SetViews(s.load())
	s.quiet()
	s.writeView("mine", "for: sender\npublish_on: [host]\ncontainers: {me: {sql: \"SELECT uqhost FROM host WHERE entity = :sender\"}}\n")
	s.writeView("host_context", "for: sender\npublish_on: []\n")
	s.SetViews(s.load())
	if p := s.hears(a, `[{"uqhost":"one"}]`); p.Name != "mine" {
		t.Errorf("%+v", p)
	}
	s.say(a, "host", `{"uqhost":"two"}`)
	s.hears(a, `[{"uqhost":"two"}]`)
	s.quiet()
}

// What a view has to say and cannot is told once, and holds up no other view.
func TestTrouble(t *testing.T) {
	s, a, b := newSite(t), hosts().a, hosts().b
	s.writeView("much", "for: trusted\npublish_on: [host]\ncontainers: {x: {sql: \"SELECT printf('%.2000000c', 'x') AS x\"}}\n")
	s.writeView("deep", "for: trusted\npublish_on: [host]\ncontainers: {x: {sql: \"SELECT '"+strings.Repeat("[", 40)+strings.Repeat("]", 40)+"' AS content\"}}\n")
	s.SetViews(s.load())
	s.subscribe("much", a, b)
	s.subscribe("deep", a, b)
	s.say(a, "host", `{"uqhost":"one"}`)
	s.quiet()
	s.subscribe("host_context", a)
	s.hears(a, "one")
	s.must(s.Close())
	for _, words := range []string{"view=much", "view=deep"} {
		if n := strings.Count(s.log.String(), words); n != 1 {
			t.Errorf("%s: %d lines\n%s", words, n, s.log.String())
		}
	}
}

// What cannot be sent, or noted, does not end anything.
func TestSealFails(t *testing.T) {
	s, a := newSite(t), hosts().a
	s.must(s.Close())
	fails, seal := true, func(message.Container, hostkey.Digest) ([]byte, error) { return nil, errors.New("no voice") }
	s.change = func(o *Options) {
		good := o.Seal
		o.Seal = func(c message.Container, aud hostkey.Digest) ([]byte, error) {
			if fails {
				fails = false
				return seal(c, aud)
			}
			return good(c, aud)
		}
	}
	s.start()
	s.say(a, "host", `{"uqhost":"one"}`)
	s.subscribe("host_context", a)
	s.quiet()
	s.subscribe("host_context", a)
	s.hears(a, "one")
}

// Nobody can fill the memory with topics.
func TestStrangers(t *testing.T) {
	s := newSite(t)
	for i := range strangers + 10 {
		s.Subscribed(fmt.Sprintf("host_context.SHA=%064x", i), true)
	}
	if n := len(s.wanted["host_context"]); n != strangers {
		t.Errorf("%d topics are remembered", n)
	}
	s.say(hosts().a, "host", `{"uqhost":"one"}`)
	s.subscribe("host_context", hosts().a)
	s.hears(hosts().a, "one")
	for i := range strangers + 10 {
		s.Subscribed(fmt.Sprintf("host_context.SHA=%064x", i), false)
	}
	if n := len(s.wanted["host_context"]); n != 1 || s.strange != 0 {
		t.Errorf("%d topics are left, of %d strangers", n, s.strange)
	}
}

// Whatever is subscribed to, and given up, the count of strangers stays right.
func FuzzSubscribed(f *testing.F) {
	s := newSite(f)
	digest := string(hosts().stranger.Digest())
	for _, topic := range []string{"", ".", "a." + digest, "host_context." + digest, "\x00.SHA=", strings.Repeat("a", 65) + "." + digest} {
		f.Add(topic)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		s.Subscribed(topic, true)
		s.Subscribed(topic, true)
		name, host, ok := parseTopic(topic)
		if ok && name+"."+string(host) != topic {
			t.Errorf("%q is read as %s and %s", topic, name, host)
		}
		s.Subscribed(topic, false)
		if s.strange != 0 || len(s.wanted) != 0 {
			t.Errorf("%q: %d strangers, %v", topic, s.strange, s.wanted)
		}
	})
}

// Who is passed over because it is not trusted hears what it missed once it is, and
// nothing where it missed nothing.
func TestTrustedLater(t *testing.T) {
	var approved atomic.Bool
	s, a := newSite(t), hosts().a
	s.must(s.Close())
	s.change = func(o *Options) {
		o.Keys = func(d hostkey.Digest) (*hostkey.PublicKey, bool) {
			if d == a.Digest() && !approved.Load() {
				return nil, false
			}
			return trusted(d)
		}
		o.Generation = func() uint64 {
			if approved.Load() {
				return 2
			}
			return 1
		}
	}
	s.start()
	s.say(a, "host", `{"uqhost":"one"}`)
	s.subscribe("host_context", a)
	s.quiet()
	approved.Store(true)
	s.hears(a, `"uqhost":"one"`)
	s.quiet()
	approved.Store(false)
	s.say(a, "host", `{"uqhost":"two"}`)
	s.quiet()
	approved.Store(true)
	s.hears(a, `"uqhost":"two"`)
	s.quiet()
}
