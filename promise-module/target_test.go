package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTargetForms(t *testing.T) {
	digest := string(hubKey().pair.Digest())
	for _, c := range []struct {
		raw       string
		endpoints []string
		key       string
		timeout   time.Duration
	}{
		{`"tcp://hub:5309"`, []string{"tcp://hub:5309"}, "", 5 * time.Second},
		{`["tcp://a:1","ipc:///run/b"]`, []string{"tcp://a:1", "ipc:///run/b"}, "", 5 * time.Second},
		{`"tcp://[::1]:5309"`, []string{"tcp://[::1]:5309"}, "", 5 * time.Second},
		{`{"endpoints":["tcp://a:1"]}`, []string{"tcp://a:1"}, "", 5 * time.Second},
		{`{"endpoints":"tcp://a:1","key":"/k.pub","timeout":"9"}`, []string{"tcp://a:1"}, "/k.pub", 9 * time.Second},
		{`{"endpoints":["tcp://a:1"],"timeout":9,"key":"` + digest + `"}`, []string{"tcp://a:1"}, digest, 9 * time.Second},
		{quoted(`{"endpoints":["tcp://a:1"],"timeout":9}`), []string{"tcp://a:1"}, "", 9 * time.Second},
	} {
		a, err := read(t, map[string]string{"to": c.raw})
		if err != nil || !slices.Equal(a.to.endpoints, c.endpoints) || a.to.key != c.key || a.timeout != c.timeout {
			t.Errorf("to => %s is %+v, timeout %s, %v", c.raw, a.to, a.timeout, err)
		}
	}
}

func TestWrongTargetsAreTold(t *testing.T) {
	for _, c := range []struct{ raw, says string }{
		{`""`, "attribute"},
		{`[]`, "expected 1 to 16 endpoints"},
		{`["tcp://a:1",""]`, "attribute"},
		{`"hub.example.com:5309"`, "hub.example.com:5309"},
		{`"http://hub:80"`, "http://hub:80"},
		{`"tcp://hub:99999"`, "99999"},
		{`"tcp://*:5309"`, "*"},
		{`5309`, "expected a list of strings"},
		{`null`, "expected a list of strings"},
		{`[["tcp://a:1"]]`, "expected a list of strings"},
		{`{}`, "expected 1 to 16 endpoints"},
		{`{"endpoints":{}}`, "endpoints"},
		{`{"endpoints":["tcp://a:1"],"timeout":0}`, "expected 1 to 60"},
		{`{"endpoints":["tcp://a:1"],"timeout":"x"}`, "expected a whole number"},
		{`{"endpoints":["tcp://a:1"],"key":""}`, "empty"},
		{`{"endpoints":["tcp://a:1"],"key":"hub.pub"}`, "absolute path"},
		{`{"endpoints":["tcp://a:1"],"key":"MD5=0123"}`, "messages key"},
		{`{"endpoints":["tcp://a:1"],"key":"SHA=xyz"}`, "SHA="},
		{`{"endpoints":["tcp://a:1"],"server_key":"x"}`, "curve.pub"},
		{`{"endpoint":["tcp://a:1"]}`, `unknown member "endpoint"`},
		{quoted(`{"endpoints":`), "no JSON"},
		{`["` + strings.Repeat(`tcp://a:1","`, 16) + `tcp://a:1"]`, "got 17"},
	} {
		_, err := read(t, map[string]string{"to": c.raw})
		if err == nil {
			t.Errorf("to => %s is taken", c.raw)
		} else if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "to") {
			t.Errorf("to => %s: expected an error that says %q, got %q", c.raw, c.says, err)
		}
	}
}

// What is nearer to the promise goes before what is farther away.
func TestDefaultsComeFromMessagesJSON(t *testing.T) {
	for _, c := range []struct {
		file       string
		attributes map[string]string
		timeout    time.Duration
		endpoint   string
		key        string
	}{
		{`{"to":"tcp://hub:5309","timeout":9}`, map[string]string{"to": ""}, 9 * time.Second, "tcp://hub:5309", ""},
		{`{"to":"tcp://hub:5309","timeout":9}`, map[string]string{"timeout": `"3"`}, 3 * time.Second, "tcp://127.0.0.1:5309", ""},
		{`{"to":{"endpoints":"tcp://hub:5309","timeout":9,"key":"/k"}}`, map[string]string{"to": ""}, 9 * time.Second, "tcp://hub:5309", "/k"},
		{`{"to":{"endpoints":"tcp://hub:5309","timeout":9}}`, map[string]string{"to": "", "timeout": `"3"`}, 3 * time.Second, "tcp://hub:5309", ""},
		{`{"timeout":9}`, map[string]string{"to": `{"endpoints":"tcp://a:1","timeout":4}`, "timeout": `"3"`}, 4 * time.Second, "tcp://a:1", ""},
		{`{"to":{"endpoints":"tcp://hub:5309","key":"/k"}}`, nil, 5 * time.Second, "tcp://127.0.0.1:5309", ""}, // another listener, another key
		{`{"comment":"ours"}`, nil, 5 * time.Second, "tcp://127.0.0.1:5309", ""},
	} {
		m := newNode(t)
		mustWrite(t, m.defaultsFile, []byte(c.file))
		j := mustJob(t, m, c.attributes)
		if j.timeout != c.timeout || j.endpoints()[0] != c.endpoint || j.to.key != c.key {
			t.Errorf("%s and %v: timeout %s, to %+v", c.file, c.attributes, j.timeout, j.to)
		}
	}
}

func TestEveryAttributeMayHaveADefaultOfTheSite(t *testing.T) {
	m := newNode(t)
	mustWrite(t, m.defaultsFile, []byte(`{"schema":"host","version":"1.0","pattern":"request","retries":1,"repeat":"always",
		"refresh":5,"expires":2,"priority":0,"outbox":false,"sign":false,"reply_file":"/v.json","message_id":"m","content":{"uqhost":"d"}}`))
	j := mustJob(t, m, map[string]string{"content": "", "retries": `"3"`, "sign": `"true"`})
	if j.retries != 3 || !j.sign || j.repeat != "always" || j.refresh != 5*time.Minute || j.replyFile != "/v.json" ||
		j.messageID != "m" || string(j.content) != `{"uqhost":"d"}` {
		t.Errorf("got %+v", j.attributes)
	}
}

func TestAPromisesContentTakesTheDefaultsPlace(t *testing.T) {
	m := newNode(t)
	mustWrite(t, m.defaultsFile, []byte(`{"content":"{half"}`))
	if _, err := m.newJob(aPromise(map[string]string{"content": ""})); err == nil || !strings.Contains(err.Error(), "begins like JSON") {
		t.Errorf("the default: %v", err)
	}
	if _, err := m.newJob(aPromise(map[string]string{"content": `{}`})); err == nil || strings.Contains(err.Error(), "begins like JSON") {
		t.Errorf("the promise's: %v", err)
	}
}

func TestAWrongMessagesJSONIsNamed(t *testing.T) {
	for _, text := range []string{``, `{`, `[]`, `null`, `"x"`, `{"timeout":600}`, `{"tmeout":5}`, `{"to":"hub"}`, `{"timeout":5,"timeout":6}`, `{"encrypt_to":"k"}`} {
		m := newNode(t)
		mustWrite(t, m.defaultsFile, []byte(text))
		_, err := m.newJob(aPromise(nil))
		mustFail(t, err, m.defaultsFile)
	}
}
