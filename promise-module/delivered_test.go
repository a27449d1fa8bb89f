package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/schemas"
)

// noted is a job whose delivery at a time is remembered.
func noted(t *testing.T, attributes map[string]string, at time.Time) (*messages, job) {
	t.Helper()
	m := newNode(t)
	j := mustJob(t, m, attributes)
	m.now = func() time.Time { return at }
	if err := m.remember(t.Context(), j, answer{}, at); err != nil {
		t.Fatal(err)
	}
	return m, j
}

func TestTheListenerHoldsWhatWasDelivered(t *testing.T) {
	sent := time.Date(2026, 3, 4, 5, 6, 7, 800, time.FixedZone("there", 3600))
	m, j := noted(t, map[string]string{"refresh": `"60"`}, sent)
	for _, c := range []struct {
		what string
		now  time.Time
		held bool
	}{
		{"at once", sent, true},
		{"within refresh", sent.Add(59 * time.Minute), true},
		{"after refresh", sent.Add(60 * time.Minute), false},
		{"when the clock was set back", sent.Add(-time.Second), false},
		{"years later", sent.AddDate(9, 0, 0), false},
	} {
		if last, held := holds(m.work.state(), j, c.now); held != c.held || held && !last.At.Equal(sent) {
			t.Errorf("%s: held %v since %s", c.what, held, last.At)
		}
	}
	if _, held := holds(m.work.state(), mustJob(t, m, map[string]string{"refresh": `"0"`}), sent); held {
		t.Error("refresh 0: held, and nothing is sent")
	}
	modes(t, filepath.Dir(deliveredFile(m.work.state(), j)), 0o700, deliveredFile(m.work.state(), j), 0o600)
}

func TestWhatMakesAnotherMessage(t *testing.T) {
	now := time.Now()
	m, first := noted(t, map[string]string{"content": `{"uqhost":"x","cpus":4,"site":{"a":1.0,"b":[1,2]}}`}, now)
	for _, c := range []struct {
		what       string
		attributes map[string]string
		held       bool
	}{
		{"the same", nil, true},
		{"another order of keys", map[string]string{"content": `{"site":{"b":[1,2],"a":1.0},"cpus":4,"uqhost":"x"}`}, true},
		{"other spacing", map[string]string{"content": "{ \"uqhost\":\"x\",\n\"cpus\": 4, \"site\": {\"a\":1.0,\"b\":[ 1,2 ]}}"}, true},
		{"another spelling of a text", map[string]string{"content": `{"uqhost":"\u0078","cpus":4,"site":{"a":1.0,"b":[1,2]}}`}, true},
		{"JSON text", map[string]string{"content": quoted(`{"uqhost":"x","cpus":4,"site":{"a":1.0,"b":[1,2]}}`)}, true},
		{"another number", map[string]string{"content": `{"uqhost":"x","cpus":5,"site":{"a":1.0,"b":[1,2]}}`}, false},
		{"another spelling of a number", map[string]string{"content": `{"uqhost":"x","cpus":4,"site":{"a":1.00,"b":[1,2]}}`}, false},
		{"a number as text", map[string]string{"content": `{"uqhost":"x","cpus":"4","site":{"a":1.0,"b":[1,2]}}`}, false},
		{"another order of a list", map[string]string{"content": `{"uqhost":"x","cpus":4,"site":{"a":1.0,"b":[2,1]}}`}, false},
		{"another listener", map[string]string{"to": `"tcp://127.0.0.1:5310"`}, false},
		{"one more listener", map[string]string{"to": `["tcp://127.0.0.1:5309","tcp://127.0.0.1:5310"]`}, false},
		{"a listener that must prove itself", map[string]string{"to": `{"endpoints":"tcp://127.0.0.1:5309","key":"/k.pub"}`}, false},
		{"unsigned", map[string]string{"sign": `"false"`}, false},
		{"another reply_file", map[string]string{"reply_file": `"/tmp/x"`}, false},
		{"another timeout", map[string]string{"timeout": `"9"`}, true},
		{"another message id", map[string]string{"message_id": `"m2"`}, true},
	} {
		attributes := map[string]string{"content": string(first.content)}
		for name, raw := range c.attributes {
			attributes[name] = raw
		}
		if _, held := holds(m.work.state(), mustJob(t, m, attributes), now); held != c.held {
			t.Errorf("%s: held is %v", c.what, held)
		}
	}
	other := first
	other.promiser = "another"
	if _, held := holds(m.work.state(), other, now); held {
		t.Error("another promiser: held")
	}
	other = first
	other.schema = &schemas.Schema{ID: first.schema.ID, Version: "1.1"}
	if _, held := holds(m.work.state(), other, now); held {
		t.Error("another version of the schema: held")
	}
}

// Whatever a crash or a bad disk leaves, the worst is a message sent again.
func TestADamagedMemoryHoldsNothing(t *testing.T) {
	now := time.Now()
	m, j := noted(t, nil, now)
	file := deliveredFile(m.work.state(), j)
	whole := []byte(mustRead(t, file))
	holdsNow := func(data []byte) bool {
		mustWrite(t, file, data)
		_, held := holds(m.work.state(), j, now)
		return held
	}
	if !holdsNow(whole) {
		t.Fatal("the whole file does not hold")
	}
	for n := range whole {
		if holdsNow(whole[:n]) {
			t.Errorf("the first %d bytes hold", n)
		}
	}
	date := bytes.Index(whole, []byte(`"at":"`)) + len(`"at":"`)
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		// In the time a flip can only bring the next refresh nearer or farther.
		if held := holdsNow(flipped); held && i < date {
			t.Errorf("bit %d of byte %d flipped: held", i%8, i)
		}
	}
	for _, text := range []string{`null`, `[]`, `{}`, "\x00\x00", string(whole) + string(whole), `{"at":1}`, strings.Repeat("[", 100000)} {
		if holdsNow([]byte(text)) {
			t.Errorf("%.40q holds", text)
		}
	}
	os.Remove(file)
	mustWrite(t, filepath.Join(file, "x"), nil) // a folder in its place
	if _, held := holds(m.work.state(), j, now); held {
		t.Error("a folder holds")
	}
}

func TestAViewThatIsGoneIsAskedForAgain(t *testing.T) {
	m := newNode(t)
	j := mustJob(t, m, nil)
	if _, err := m.settle(t.Context(), j, answerWithView(), m.now()); err != nil {
		t.Fatal(err)
	}
	if _, held := m.holds(j); !held {
		t.Error("not held with its view")
	}
	os.Remove(j.replyFile)
	if _, held := m.holds(j); held {
		t.Error("held without its view")
	}
}

// Names in policy are data: none becomes the name of a state file.
func TestTheFileOfADeliveryIsNamedByADigest(t *testing.T) {
	m := newNode(t)
	j := mustJob(t, m, nil)
	for _, promiser := range []string{"", "../../../etc/passwd", strings.Repeat("x", 100000), "a\x00b"} {
		j.promiser = promiser
		file := deliveredFile("/state", j)
		if filepath.Dir(file) != "/state/delivered" || len(filepath.Base(file)) != len("0123456789abcdef0123456789abcdef.json") {
			t.Errorf("%.20q is remembered in %s", promiser, file)
		}
	}
}

func FuzzHolds(f *testing.F) {
	f.Add([]byte(`{"promiser":"host","schema":"host","version":"1.0","to":["tcp://127.0.0.1:5309"],"signed":true,"at":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"at":"9999-12-31T23:59:60+24:00"}`))
	m := newNode(f)
	j := mustJob(f, m, nil)
	file := deliveredFile(m.work.state(), j)
	f.Fuzz(func(t *testing.T, data []byte) {
		mustWrite(t, file, data)
		var last delivered
		noted, held := holds(m.work.state(), j, m.now())
		if held && (json.Unmarshal(data, &last) != nil || !noted.At.Equal(last.At)) {
			t.Errorf("%q holds since %s", data, noted.At)
		}
	})
}

// What is sent always is not noted, and what was noted before it no longer
// holds: the listener has something else now.
func TestAlwaysForgets(t *testing.T) {
	m := newNode(t)
	endpoint, asked := storing(t)
	changed := aPromise(map[string]string{"to": quoted(endpoint), "repeat": `"changed"`})
	always := aPromise(map[string]string{"to": quoted(endpoint), "repeat": `"always"`, "content": `{"uqhost":"other"}`})
	for i, want := range []struct {
		p     promise.Promise
		asked int32
	}{{changed, 1}, {changed, 1}, {always, 2}, {always, 3}, {changed, 4}, {changed, 4}} {
		m.Evaluate(t.Context(), want.p)
		if asked.Load() != want.asked {
			t.Errorf("step %d: asked %d times, want %d", i+1, asked.Load(), want.asked)
		}
	}
}
