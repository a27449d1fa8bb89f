package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// gives runs a view and compares its data byte for byte.
func gives(t *testing.T, r *Runner, name string, requester hostkey.Digest, p Parameters, want string) {
	t.Helper()
	got, err := r.Run(context.Background(), name, requester, p)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	} else if string(got) != want {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

// Who may not ask learns the same as who asks for what is not there.
func TestAuthorisation(t *testing.T) {
	w := newWorld(t)
	w.say("host", string(digest(1)), `{"uqhost":"one"}`)
	w.say("host", string(digest(2)), `{"uqhost":"two"}`)
	const all = "containers: {h: {sql: SELECT uqhost FROM host}}"
	r := w.runner(Limits{},
		"own", "for: sender\ncontainers: {h: {single: true, sql: SELECT uqhost FROM host WHERE entity = :sender}}",
		"trusting", "for: trusted\n"+all,
		"listed", "for: ["+string(digest(2))+"]\n"+all,
		"closed", "for: []\n"+all,
		"silent", all)
	const everybody = `{"h":[{"uqhost":"one"},{"uqhost":"two"}]}`
	for _, c := range []struct {
		view      string
		requester hostkey.Digest
		want      string
	}{
		{"own", digest(1), `{"h":{"uqhost":"one"}}`},
		{"own", digest(2), `{"h":{"uqhost":"two"}}`},
		{"own", digest(3), `{}`},
		{"own", "", ""},
		{"trusting", digest(3), everybody},
		{"trusting", "", ""},
		{"listed", digest(2), everybody},
		{"listed", digest(1), ""},
		{"closed", digest(1), ""},
		{"silent", digest(1), ""},
		{"cmdb", digest(1), ""},
		{"gone", digest(1), ""},
		{"../own", digest(1), ""},
	} {
		if c.want != "" {
			gives(t, r, c.view, c.requester, nil, c.want)
		} else if data, err := r.Run(context.Background(), c.view, c.requester, nil); err != ErrNotFound || data != nil {
			t.Errorf("%s for %.8s: %s, %v", c.view, c.requester, data, err)
		}
	}
}

// No parameter makes a host another host.
func TestSenderIsWhoAsks(t *testing.T) {
	w := newWorld(t)
	w.say("host", string(digest(2)), `{"uqhost":"two"}`)
	r := w.runner(Limits{}, "own", "for: sender\ncontainers: {h: {sql: SELECT content FROM host WHERE entity = :sender}}")
	for _, name := range []string{"sender", ":sender", "SENDER", "1"} {
		_, err := r.Run(context.Background(), "own", digest(1), Parameters{name: string(digest(2))})
		if wrong := (*ParameterError)(nil); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := r.RunFor(context.Background(), "own", digest(2), nil); err != nil || string(data) != `{"h":[{"uqhost":"two"}]}` {
		t.Error(string(data), err)
	}
	if _, err := r.RunFor(context.Background(), "gone", "", nil); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "cmdb host_context") {
		t.Error(err)
	}
}

func TestParameters(t *testing.T) {
	w := newWorld(t)
	w.say("host", string(digest(1)), `{"uqhost":"one","domain":"a.nl"}`)
	w.say("host", string(digest(2)), `{"uqhost":"two","domain":"b.nl"}`)
	r := w.runner(Limits{},
		"of", "for: trusted\nparameters: [domain]\ncontainers: {h: {sql: SELECT uqhost FROM host WHERE domain = :domain}}",
		"echo", "for: trusted\nparameters: [x]\ncontainers: {e: {single: true, sql: 'SELECT :x AS x, typeof(:x) AS type'}}")
	gives(t, r, "of", digest(9), Parameters{"domain": "b.nl"}, `{"h":[{"uqhost":"two"}]}`)
	gives(t, r, "of", digest(9), Parameters{"domain": "' OR 1 --"}, `{"h":[]}`)
	for _, c := range []struct{ content, want string }{
		{`"it's"`, `{"e":{"x":"it's","type":"text"}}`},
		{`"$(sys.workdir)"`, `{"e":{"x":"$(sys.workdir)","type":"text"}}`},
		{`7`, `{"e":{"x":7,"type":"integer"}}`},
		{`1.5e2`, `{"e":{"x":150,"type":"real"}}`},
		{`12345678901234567890`, `{"e":{"x":12345678901234567000,"type":"real"}}`},
		{`true`, `{"e":{"x":1,"type":"integer"}}`},
		{`false`, `{"e":{"x":0,"type":"integer"}}`},
	} {
		name, p, err := ParseRequest(json.RawMessage(`{"name":"echo","parameters":{"x":` + c.content + `}}`))
		w.must(err)
		gives(t, r, name, digest(9), p, c.want)
	}
	for _, c := range []struct {
		p    Parameters
		want string
	}{
		{nil, "view of: parameter domain is missing; it has domain"},
		{Parameters{"domain": nil}, "view of: parameter domain is no text, number or boolean"},
		{Parameters{"domain": "x", "role": "y"}, `view of: there is no parameter "role"; it has domain`},
	} {
		if _, err := r.Run(context.Background(), "of", digest(9), c.p); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v", c.p, err)
		}
	}
	if _, _, err := ParseRequest(json.RawMessage(`[]`)); err == nil {
		t.Error("a request that is no object was read")
	}
}

// A content goes out byte for byte, whatever nodes put into it.
func TestHostileContent(t *testing.T) {
	for _, content := range []string{
		`{"uqhost":"x'); DROP TABLE _latest; --"}`,
		`{"uqhost":"$(sys.workdir) ${x} @(y)"}`,
		`{"uqhost": "<script>&amp;\u2028 \ud83d\ude00 \\ \" 😀", "site": null}`,
		`{"n":[1e308,-0,1.10,1E5,123456789012345678901234567890,0.1e-7,-0.0]}`,
		`{"site":{"a":{"b":[[[[[[]]]]]]}},"z":null,"a":true}`,
		"{ \"uqhost\" :\t\"x\"\n}",
		`null`, `"text"`, `7`, `[]`,
	} {
		w := newWorld(t)
		w.say("host", string(digest(1)), content)
		r := w.runner(Limits{},
			"all", "for: trusted\ncontainers: {h: {sql: SELECT content FROM host}}",
			"own", "for: sender\ncontainers: {h: {single: true, sql: SELECT content FROM host WHERE entity = :sender}}",
			"named", "for: trusted\ncontainers: {h: {json: [said], sql: 'SELECT 1 AS n, content, content AS said FROM host'}}")
		gives(t, r, "all", digest(1), nil, `{"h":[`+content+`]}`)
		gives(t, r, "own", digest(1), nil, `{"h":`+content+`}`)
		gives(t, r, "named", digest(1), nil, `{"h":[{"n":1,"content":`+content+`,"said":`+content+`}]}`)
	}
}

func TestRows(t *testing.T) {
	w := newWorld(t)
	for i, content := range []string{`{"uqhost":"b","role":"web"}`, `{"uqhost":"a"}`, `{"uqhost":"c","role":"\u0001\"x\u00e9"}`} {
		w.say("host", string(digest(i)), content)
	}
	r := w.runner(Limits{})
	for sql, want := range map[string]string{
		"SELECT uqhost FROM host":                                       `[{"uqhost":"a"},{"uqhost":"b"},{"uqhost":"c"}]`,
		"SELECT uqhost FROM host ORDER BY uqhost DESC":                  `[{"uqhost":"c"},{"uqhost":"b"},{"uqhost":"a"}]`,
		"SELECT role, uqhost FROM host ORDER BY uqhost":                 `[{"uqhost":"a"},{"role":"web","uqhost":"b"},{"role":"\u0001\"xé","uqhost":"c"}]`,
		"SELECT role FROM host":                                         `[{"role":"\u0001\"xé"},{"role":"web"}]`,
		"SELECT NULL AS content FROM host":                              `[]`,
		"SELECT 1.5 AS a, 9e999 AS b, 1e300 AS c, x'6869' AS d, 2 AS e": `[{"a":1.5,"c":1e+300,"d":"hi","e":2}]`,
		"SELECT json_object('n', json('1.10'), 'h', content->'uqhost') AS content FROM host ORDER BY uqhost LIMIT 1": `[{"n":1.10,"h":"a"}]`,
		"SELECT x'ff41' AS bytes":                                     "[{\"bytes\":\"\ufffdA\"}]",
		"SELECT uqhost AS \"we\"\"ird\" FROM host WHERE uqhost = 'a'": `[{"we\"ird":"a"}]`,
	} {
		set, err := Load(folderOf(t, "v", one(sql)))
		w.must(err)
		r.set = set
		gives(t, r, "v", digest(1), nil, `{"rows":`+want+`}`)
	}
}

func TestAnswerFaults(t *testing.T) {
	w := newWorld(t)
	w.say("host", string(digest(1)), `{"uqhost":"a"}`)
	w.say("host", string(digest(2)), `{"uqhost":"b"}`)
	r := w.runner(Limits{})
	for text, want := range map[string]string{
		"for: trusted\ncontainers: {h: {single: true, sql: SELECT uqhost FROM host}}":                "container h: it is single, and its SQL gives more than one row",
		"for: trusted\ncontainers: {h: {sql: SELECT uqhost AS content FROM host}}":                   `container h: column content is no JSON: "a"`,
		"for: trusted\ncontainers: {h: {json: [x], sql: SELECT 1.5 AS x}}":                           "column x is no JSON but a float64",
		"for: trusted\ncontainers: {h: {sql: \"SELECT json('{') AS content\"}}":                      "malformed JSON",
		"for: trusted\nmerge: [h]\ncontainers: {h: {single: true, sql: \"SELECT '[]' AS content\"}}": "merge: container h: \"[]\" is no object",
		"for: trusted\ncontainers: {h: {sql: \"SELECT json_object('a', 1, 'a', 2) AS content\"}}":    "column content is no JSON",
		"for: trusted\ncontainers: {h: {sql: \"SELECT zeroblob(100000000) AS x\"}}":                  "too big",
	} {
		set, err := Load(folderOf(t, "v", text))
		w.must(err)
		r.set = set
		if data, err := r.Run(context.Background(), "v", digest(1), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %s, %v\nwant %s", text, data, err, want)
		}
	}
	gives(t, r, "host_context", digest(1), nil, `{"host":{"uqhost":"a"},"merged":{"uqhost":"a"}}`) // the reader is good for the next
}

// All containers of an answer are of one moment, while the truth changes.
func TestOneMoment(t *testing.T) {
	w := newWorld(t)
	r := w.runner(Limits{Time: time.Minute}, "twice", `for: trusted
containers:
  a: {single: true, sql: "SELECT content FROM host"}
  b: {single: true, sql: "SELECT content FROM host"}
`)
	w.say("host", string(digest(1)), `{"n":0}`)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 100 {
				data, err := r.Run(context.Background(), "twice", digest(1), nil)
				var both struct{ A, B struct{ N int } }
				if err != nil || json.Unmarshal(data, &both) != nil || both.A != both.B {
					t.Errorf("%s, %v", data, err)
				}
			}
		})
	}
	for n := range 100 {
		w.say("host", string(digest(1)), fmt.Sprintf(`{"n":%d}`, n))
	}
	asking.Wait()
}

// A truth that is not there yet is asked for again.
func TestOpenLater(t *testing.T) {
	w := newWorld(t)
	folder := w.folder
	r := w.runner(Limits{Readers: 1}, "fine", one("SELECT 1 AS n"))
	w.folder += "/later"
	if _, err := r.Run(context.Background(), "fine", digest(1), nil); err == nil || errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	w.folder = folder
	gives(t, r, "fine", digest(1), nil, `{"rows":[{"n":1}]}`)
}

// unknownHost is what a host that said nothing is told of site.
const unknownHost = `{"dns":{"domain":"","nameservers":["192.0.2.53"]},` +
	`"merged":{"contact":"site","domain":"","mail_relay":"smtp.a.nl","site":{"backup":{"keep":30,"window":"night"},"n":1.10}},` +
	`"site":{"domain":"","contact":"site","mail_relay":"smtp.a.nl","site":{"backup":{"keep":30,"window":"night"},"n":1.10}},` +
	`"timezone":{"domain":"","timezone":"UTC"}}`

// A statement is compiled once for each reader, not for each answer.
func TestCompiledOnce(t *testing.T) {
	r := site(t).runner(Limits{Readers: 1})
	gives(t, r, "host_context", digest(7), nil, unknownHost)
	reader, asked := <-r.readers, 0
	err := setAuthorizer(reader.conn, func(action int, first, second, database string) int {
		asked++
		return authorize(action, first, second, database)
	})
	if r.readers <- reader; err != nil {
		t.Fatal(err)
	}
	gives(t, r, "host_context", digest(8), nil, unknownHost) // a new authoriser makes SQLite compile all anew
	first := asked
	gives(t, r, "host_context", digest(9), nil, unknownHost)
	if first == 0 || asked != first {
		t.Errorf("%d times asked, then %d", first, asked)
	}
}
