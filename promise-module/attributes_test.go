package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/promise"
)

// read sets the attributes of one promise over the table's defaults.
func read(t *testing.T, attributes map[string]string) (attributes, error) {
	t.Helper()
	a := tableDefaults()
	return a, a.set(aPromise(attributes))
}

func TestAttributesThatAreNotGivenHaveTheTablesDefaults(t *testing.T) {
	m := newNode(t)
	if err := os.Remove(m.defaultsFile); err != nil {
		t.Fatal(err)
	}
	j := mustJob(t, m, nil)
	for name, right := range map[string]bool{
		"timeout":  j.timeout == 5*time.Second,
		"retries":  j.retries == 2,
		"refresh":  j.refresh == 1440*time.Minute,
		"sign":     j.sign,
		"repeat":   j.repeat == "changed", // kind common
		"pattern":  j.pattern == "request",
		"schema":   j.schema.ID == "host",
		"version":  j.schema.Version == "1.0",
		"bound":    j.bound() == 15*time.Second,
		"to.key":   j.to.key == "",
		"endpoint": len(j.endpoints()) == 1,
	} {
		if !right {
			t.Errorf("the default of %s is wrong: %+v", name, j.attributes)
		}
	}
	if want := "state/messages/views/host.json"; !strings.HasSuffix(j.replyFile, want) {
		t.Errorf("reply_file is %s, not %s", j.replyFile, want)
	}
}

// Each attribute as policy gives it, and as a container or messages.json does.
func TestAttributesAreRead(t *testing.T) {
	a, err := read(t, map[string]string{
		"schema": `"host"`, "version": `"1.0"`, "message_id": `"poc-1"`, "pattern": `"request"`, "timeout": `"7"`,
		"retries": `"0"`, "repeat": `"always"`, "refresh": `"60"`, "expires": `"1"`, "priority": `"4"`,
		"outbox": `"no"`, "sign": `"false"`, "reply_file": `"/tmp/view.json"`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.schemaID != "host" || a.version != "1.0" || a.messageID != "poc-1" || a.pattern != "request" || a.timeout != 7*time.Second ||
		a.retries != 0 || a.repeat != "always" || a.refresh != time.Hour || a.sign || a.replyFile != "/tmp/view.json" {
		t.Errorf("read %+v", a)
	}
}

func TestBooleansAndNumbersComeInSeveralSpellings(t *testing.T) {
	for spelling, want := range map[string]bool{
		`"true"`: true, `"yes"`: true, `"on"`: true, `true`: true,
		`"false"`: false, `"no"`: false, `"off"`: false, `false`: false,
	} {
		if a, err := read(t, map[string]string{"sign": spelling}); err != nil || a.sign != want {
			t.Errorf("sign => %s is %v, %v", spelling, a.sign, err)
		}
	}
	for _, spelling := range []string{`"60"`, `60`} {
		if a, err := read(t, map[string]string{"timeout": spelling}); err != nil || a.timeout != time.Minute {
			t.Errorf("timeout => %s is %v, %v", spelling, a.timeout, err)
		}
	}
}

// A wrong value is one error, and names the attribute and what is expected.
func TestWrongAttributesAreToldOnce(t *testing.T) {
	call := `{"type":"function-call","name":"hash","arguments":["x","md5"]}`
	for _, c := range []struct{ name, raw, says string }{
		{"schema", `""`, "empty"},
		{"schema", `["host"]`, "expected a string, got a list"},
		{"schema", call, "call of hash()"},
		{"version", `1.0`, "expected a string"},
		{"version", `""`, "empty"},
		{"message_id", `""`, "empty"},
		{"message_id", `{}`, "expected a string, got a container"},
		{"pattern", `""`, "empty"},
		{"pattern", `"fanout"`, "expected request or async_request or publish or push or pair"},
		{"pattern", `["request"]`, "expected a string"},
		{"timeout", `"0"`, "expected 1 to 60, got 0"},
		{"timeout", `"61"`, "expected 1 to 60, got 61"},
		{"timeout", `"-5"`, "expected 1 to 60, got -5"},
		{"timeout", `"1.5"`, "expected a whole number"},
		{"timeout", `""`, "expected a whole number"},
		{"timeout", `"5s"`, "expected a whole number"},
		{"timeout", `1e1`, "expected a whole number"},
		{"timeout", `["5"]`, "got a list"},
		{"timeout", call, "call of hash()"},
		{"timeout", `null`, "expected a whole number"},
		{"retries", `"101"`, "expected 0 to 100"},
		{"retries", `"-1"`, "expected 0 to 100"},
		{"retries", `"9223372036854775808"`, "expected a whole number"},
		{"repeat", `"once"`, "expected changed or always"},
		{"repeat", `""`, "empty"},
		{"refresh", `"-1"`, "expected 0 to 5256000"},
		{"expires", `"745"`, "expected 1 to 744"},
		{"expires", `"soon"`, "expected a whole number"},
		{"priority", `"5"`, "expected 0 to 4"},
		{"priority", `"-1"`, "expected 0 to 4"},
		{"outbox", `"maybe"`, "expected true or false"},
		{"sign", `""`, "expected true or false"},
		{"sign", `"False"`, "expected true or false"},
		{"sign", `0`, "expected true or false"},
		{"reply_file", `"view.json"`, "expected an absolute path"},
		{"reply_file", `""`, "empty"},
		{"reply_file", `["/tmp/x"]`, "expected a string"},
		{"topic", `""`, "empty"},
		{"split", `"each"`, "expected true or false"},
		{"receipt", `7`, "expected true or false"},
		{"encrypt_to", `"hub.pub"`, "expected the absolute path of a public key or a digest SHA=..."},
		{"encrypt_to", `"SHA=1234"`, "is not a key digest"},
		{"encrypt_to", `"MD5=1234"`, "an MD5 digest proves nothing"},
		{"encrypt_to", `["/x"]`, "expected a string"},
		{"server_key", `"x"`, "expected the absolute path of the listener's curve.pub, or the 40 characters of Z85 text in it"},
		{"server_key", `""`, "is empty"},
		{"enrol", `"tcp://hub"`, `attribute "enrol": endpoint "tcp://hub"`},
		{"enrol", `[]`, `attribute "enrol": expected 1 to 16 endpoints`},
		{"contents", `"{}"`, "known are: content, schema"},
	} {
		_, err := read(t, map[string]string{c.name: c.raw})
		if err == nil {
			t.Errorf("%s => %s is taken", c.name, c.raw)
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.says) || !strings.Contains(text, c.name) || strings.Contains(text, "\n") {
			t.Errorf("%s => %s: expected one line that says %q, got %q", c.name, c.raw, c.says, text)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := read(t, map[string]string{"timeout": `"0"`, "sign": `"maybe"`, "topik": `"x"`, "to": `"http://hub"`})
	mustFail(t, err, "timeout", "sign", "topik", "http://hub")
}

func TestAttributesOfTheAgentAreIgnored(t *testing.T) {
	with := map[string]string{}
	for _, name := range promise.AgentAttributes() {
		with[name] = `"whatever"`
	}
	if _, err := read(t, with); err != nil {
		t.Error(err)
	}
}

func TestContentForms(t *testing.T) {
	for _, c := range []struct{ what, raw, want string }{
		{"container", `{"a": [1, null]}`, `{"a": [1, null]}`},
		{"slist", `["a","b"]`, `["a","b"]`},
		{"empty list", `[]`, `[]`},
		{"JSON text", quoted(`{"a": 17000000000000, "b": 1.50}`), `{"a": 17000000000000, "b": 1.50}`},
		{"JSON text with space around it", quoted("\n { \"a\": 1 }\n"), `{ "a": 1 }`},
		{"JSON list as text", quoted(`["x"]`), `["x"]`},
		{"text", `"all is well"`, `"all is well"`},
		{"number as text", `"42"`, `"42"`},
		{"JSON scalar as text", quoted(`"x"`), quoted(`"x"`)},
		{"empty string", `""`, `""`},
		{"text that begins like JSON", quoted(`[warning] disk full`), quoted(`[warning] disk full`)},
		{"truncated JSON", quoted(`{"a": `), quoted(`{"a": `)},
		{"number", `4`, `4`},
		{"boolean", `true`, `true`},
	} {
		a, err := read(t, map[string]string{"content": c.raw})
		if err != nil || string(a.content) != c.want {
			t.Errorf("%s %s is %s, %v", c.what, c.raw, a.content, err)
		}
	}
}

func TestContentIsHeldAgainstItsSchema(t *testing.T) {
	m := newNode(t)
	for _, c := range []struct{ raw, says string }{
		{``, "content is missing"},
		{`{"cpus":"4"}`, "uqhost"},
		{`{"uqhost":"x","cpus":[4]}`, "/cpus: expected"},
		{`"text"`, "expected"},
		{quoted(`{"uqhost": "x"`), "begins like JSON and is none"},
		{quoted(`{"uqhost": "x", "uqhost": "y"}`), "twice"},
		{`{"uqhost":"a\u0000b"}`, "malformed"},
		{quoted(strings.Repeat("x", 2<<20)), "too_large"},
	} {
		_, err := m.newJob(aPromise(map[string]string{"content": c.raw}))
		if err == nil {
			t.Errorf("content %.40s is taken", c.raw)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("content %.40s: expected an error that says %q, got %q", c.raw, c.says, err)
		}
	}
}

func TestSchemaVersionAndIDAreChecked(t *testing.T) {
	m := newNode(t)
	for _, c := range []struct {
		attributes map[string]string
		says       []string
	}{
		{map[string]string{"schema": `"nosuch"`}, []string{"no schema", "nosuch", "host"}},
		{map[string]string{"version": `"7.0"`}, []string{"7.0", "1.0"}},
		{map[string]string{"schema": `"../host"`}, []string{"no schema"}},
		{map[string]string{"message_id": `"a b"`}, []string{"a b"}},
		{map[string]string{"message_id": quoted(strings.Repeat("x", 129))}, []string{"128"}},
		{map[string]string{"split": `"true"`}, []string{`"split" goes with pattern "push"`}},
		{map[string]string{"receipt": `"true"`}, []string{`"receipt" goes with pattern "pair"`}},
		{map[string]string{"pattern": `"push"`, "split": `"true"`}, []string{"content is no array"}},
		{map[string]string{"pattern": `"push"`, "split": `"true"`, "content": `[]`}, []string{"expected 1 to 10000 elements", "got 0"}},
		{map[string]string{"pattern": `"push"`, "split": `"true"`, "content": `[{"uqhost":"a"},{"uqhost":7}]`}, []string{"element 2", "/uqhost"}},
		{map[string]string{"pattern": `"push"`, "split": `"true"`, "content": `[{"uqhost":"a"}]`, "message_id": `"x"`}, []string{"message_id"}},
		{map[string]string{"pattern": `"publish"`, "reply_file": `"/x"`}, []string{"reply_file", "publish"}},
		{map[string]string{"to": ""}, []string{`attribute "to" is missing`, defaultsFile}},
	} {
		_, err := m.newJob(aPromise(c.attributes))
		mustFail(t, err, c.says...)
	}
	p := aPromise(nil)
	p.Promiser = "who I am"
	_, err := m.newJob(p)
	mustFail(t, err, "who I am", "give schema")
	p.Attributes["schema"] = []byte(`"host"`)
	if j, err := m.newJob(p); err != nil || filepath.Base(j.replyFile) != "who_I_am.json" {
		t.Errorf("another promiser: %v, %v", j.replyFile, err)
	}
}
