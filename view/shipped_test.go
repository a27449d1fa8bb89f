package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// site is a world with two domains, a role and three hosts.
func site(t testing.TB) *world {
	w := newWorld(t)
	h1, h2, h3 := string(digest(1)), string(digest(2)), string(digest(3))
	for _, said := range [][3]string{
		{"host", h1, `{"uqhost":"web1","domain":"a.nl","role":"web","site":{"rack":"b4"}}`},
		{"host", h2, `{"uqhost":"web2","fqhost":"web2.a.nl","domain":"a.nl","role":"web"}`},
		{"host", h3, `{"uqhost":"lonely"}`},
		{"network", h1, `{"ipv4":"192.0.2.1","ipv6":"2001:db8::1","interfaces":{}}`},
		{"network", h2, `{"ipv4":"192.0.2.2","interfaces":{}}`},
		{"domain", "", `{"domain":"","contact":"site","mail_relay":"smtp.a.nl","site":{"backup":{"keep":30,"window":"night"},"n":1.10}}`},
		{"domain", "a.nl", `{"domain":"a.nl","contact":"domain","site":{"backup":{"keep":7}}}`},
		{"domain", "b.nl", `{"domain":"b.nl","contact":"others"}`},
		{"role", `["","web"]`, `{"domain":"","role":"web","contact":"role","hostgroup":"webs","packages":["nginx","curl"],"services":{"http":{"port":80},"ssh":{"port":22}}}`},
		{"role", `["a.nl","web"]`, `{"domain":"a.nl","role":"web","packages":["apache"],"services":{"http":{"port":8080}}}`},
		{"role", `["b.nl","web"]`, `{"domain":"b.nl","role":"web","contact":"others"}`},
		{"timezone", "", `{"domain":"","timezone":"UTC"}`},
		{"timezone", "a.nl", `{"domain":"a.nl","timezone":"Europe/Amsterdam"}`},
		{"dns", "", `{"domain":"","nameservers":["192.0.2.53"]}`},
		{"dns", "a.nl", `{"domain":"a.nl","records":[{"name":"@","type":"MX","data":"10 smtp","ttl":300},{"name":"WEB2","type":"A","data":"192.0.2.99"}]}`},
	} {
		w.say(said[0], said[1], said[2])
	}
	return w
}

// member gives a member of an answer as it stands there.
func member(t *testing.T, data json.RawMessage, name string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return string(members[name])
}

// What is special goes over what is general: site, domain, role, domain and
// role, host; objects are merged, all else is replaced.
func TestHostContext(t *testing.T) {
	r := site(t).runner(Limits{})
	data, err := r.Run(context.Background(), "host_context", digest(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"host":        `{"uqhost":"web1","domain":"a.nl","role":"web","site":{"rack":"b4"}}`,
		"domain":      `{"domain":"a.nl","contact":"domain","site":{"backup":{"keep":7}}}`,
		"domain_role": `{"domain":"a.nl","role":"web","packages":["apache"],"services":{"http":{"port":8080}}}`,
		"network":     `{"ipv4":"192.0.2.1","ipv6":"2001:db8::1","interfaces":{}}`,
		"timezone":    `{"domain":"a.nl","timezone":"Europe/Amsterdam"}`,
		"ldap":        "",
		"merged": `{"contact":"role","domain":"a.nl","hostgroup":"webs","mail_relay":"smtp.a.nl","packages":["apache"],"role":"web",` +
			`"services":{"http":{"port":8080},"ssh":{"port":22}},"site":{"backup":{"keep":7,"window":"night"},"n":1.10,"rack":"b4"},"uqhost":"web1"}`,
	} {
		if got := member(t, data, name); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	if strings.Contains(string(data), "others") || strings.Contains(string(data), "web2") {
		t.Errorf("another's data in %s", data)
	}
}

// A host that knows no domain and no role is told what holds for the site.
func TestHostContextOfLittle(t *testing.T) {
	r := site(t).runner(Limits{})
	const data = `{"dns":{"domain":"","nameservers":["192.0.2.53"]},"host":{"uqhost":"lonely"},` +
		`"merged":{"contact":"site","domain":"","mail_relay":"smtp.a.nl","site":{"backup":{"keep":30,"window":"night"},"n":1.10},"uqhost":"lonely"},` +
		`"site":{"domain":"","contact":"site","mail_relay":"smtp.a.nl","site":{"backup":{"keep":30,"window":"night"},"n":1.10}},` +
		`"timezone":{"domain":"","timezone":"UTC"}}`
	gives(t, r, "host_context", digest(3), nil, data)
	empty := newWorld(t).runner(Limits{})
	gives(t, empty, "host_context", digest(3), nil, `{"merged":{}}`)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ under, over, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1}`, `{"a":2.50}`, `{"a":2.50}`},
		{`{"a":{"x":1}}`, `{"a":{"y":2}}`, `{"a":{"x":1,"y":2}}`},
		{`{"a":{"x":1}}`, `{"a":[2]}`, `{"a":[2]}`},
		{`{"a":[1]}`, `{"a":{"x":2}}`, `{"a":{"x":2}}`},
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
		{`{"a":{"x":1}}`, `{"a":null}`, `{"a":null}`},
		{`{"a":null}`, `{"a": {"x" : 1e5 }}`, `{"a":{"x" : 1e5 }}`},
		{`{"a":1,"A":2}`, `{"A":3}`, `{"A":3,"a":1}`},
		{`{"a\n\"":{"b":{"c":{"d":1}}}}`, `{"a\u000a\"":{"b":{"c":{"e":2}}}}`, `{"a\n\"":{"b":{"c":{"d":1,"e":2}}}}`},
	} {
		merged := tree{}
		for _, object := range []string{c.under, c.over} {
			if err := merged.put(json.RawMessage(object)); err != nil {
				t.Errorf("%s: %v", object, err)
			}
		}
		if got := string(merged.append(nil)); got != c.want {
			t.Errorf("%s under %s: %s", c.under, c.over, got)
		}
	}
}

// What is shipped for nobody is there for the command line.
func TestShippedAnswers(t *testing.T) {
	r := site(t).runner(Limits{})
	h1, h2, h3 := digest(1), digest(2), digest(3)
	for _, c := range []struct {
		view, want string
		p          Parameters
	}{
		{"cmdb", `{"hosts":[` +
			`{"entity":"` + string(h1) + `","received_at":"2023-11-14T22:13:20Z","host":{"uqhost":"web1","domain":"a.nl","role":"web","site":{"rack":"b4"}},"network":{"ipv4":"192.0.2.1","ipv6":"2001:db8::1","interfaces":{}}},` +
			`{"entity":"` + string(h2) + `","received_at":"2023-11-14T22:13:20Z","host":{"uqhost":"web2","fqhost":"web2.a.nl","domain":"a.nl","role":"web"},"network":{"ipv4":"192.0.2.2","interfaces":{}}},` +
			`{"entity":"` + string(h3) + `","received_at":"2023-11-14T22:13:20Z","host":{"uqhost":"lonely"}}]}`, nil},
		{"hostgroups", `{"groups":[` +
			`{"domain":"","role":"","hosts":[{"entity":"` + string(h3) + `","name":"lonely"}],"services":{}},` +
			`{"domain":"a.nl","role":"web","hostgroup":"webs","hosts":[{"entity":"` + string(h1) + `","name":"web1","ipv4":"192.0.2.1","ipv6":"2001:db8::1"},{"entity":"` + string(h2) + `","name":"web2.a.nl","ipv4":"192.0.2.2"}],"services":{"http":{"port":8080},"ssh":{"port":22}}}]}`, nil},
		{"zone", `{"dns":{"domain":"a.nl","records":[{"name":"@","type":"MX","data":"10 smtp","ttl":300},{"name":"WEB2","type":"A","data":"192.0.2.99"}]},"records":[` +
			`{"name":"@","type":"MX","data":"10 smtp","ttl":300},{"name":"WEB2","type":"A","data":"192.0.2.99"},` +
			`{"name":"web1","type":"A","data":"192.0.2.1"},{"name":"web1","type":"AAAA","data":"2001:db8::1"}]}`, Parameters{"domain": "a.nl"}},
		{"zone", `{"records":[]}`, Parameters{"domain": "x.nl"}},
	} {
		got, err := r.RunFor(context.Background(), c.view, "", c.p)
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.view, got, err, c.want)
		}
	}
}

func TestHost(t *testing.T) {
	w := site(t)
	w.say("host", string(digest(4)), `{"uqhost":"web1","fqhost":"web1.b.nl","domain":"b.nl"}`)
	w.say("host", "unsigned:192.0.2.7", `{"uqhost":"lonely"}`)
	r := w.runner(Limits{})
	for _, c := range []struct {
		name string
		want any
	}{
		{string(digest(9)), digest(9)},
		{"lonely", digest(3)},
		{"web2", digest(2)},
		{"WEB2.a.nl", digest(2)},
		{"web1.a.nl", digest(1)},
		{"web1.b.nl", digest(4)},
		{"web1", "several hosts call themselves \"web1\"; name one by its digest:\n  " + string(digest(1)) + " web1.a.nl\n  " + string(digest(4)) + " web1.b.nl"},
		{"gone", `no host calls itself "gone": cf-messaged hosts lists those that are known`},
		{"SHA=12", "is not a key digest"},
		{"' OR 1 --", "no host calls itself"},
		{"", "no host calls itself"},
	} {
		got, err := r.Host(context.Background(), c.name)
		if err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), fmt.Sprint(c.want)) {
			t.Errorf("%q: %s, %v", c.name, got, err)
		}
	}
	_, err := r.Host(context.Background(), "web1")
	if many := (*AmbiguousError)(nil); !errors.As(err, &many) || len(many.Hosts) != 2 {
		t.Error(err)
	}
}

func BenchmarkHostContext(b *testing.B) {
	r := site(b).runner(Limits{})
	for b.Loop() {
		if _, err := r.Run(context.Background(), "host_context", digest(1), nil); err != nil {
			b.Fatal(err)
		}
	}
}
