package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/message"
)

func TestTheCommandLineOfSend(t *testing.T) {
	file := filepath.Join(t.TempDir(), "content.json")
	mustWrite(t, file, []byte("{\"a\":1}\n"))
	base := "--schema host --content x "
	for _, c := range []struct {
		line   string
		want   map[string]string
		asJSON bool
	}{
		{base, map[string]string{"schema": `"host"`, "content": `"x"`, "repeat": `"always"`}, false},
		{"--schema=host --content={\"a\":\"b=c\"}", map[string]string{"schema": `"host"`, "content": quoted(`{"a":"b=c"}`), "repeat": `"always"`}, false},
		{base + "--json --version 1.0", map[string]string{"schema": `"host"`, "content": `"x"`, "version": `"1.0"`, "repeat": `"always"`}, true},
		{base + "--to tcp://a:1", map[string]string{"schema": `"host"`, "content": `"x"`, "to": `"tcp://a:1"`, "repeat": `"always"`}, false},
		{base + "--to tcp://a:1 --to=tcp://b:1", map[string]string{"schema": `"host"`, "content": `"x"`, "to": `["tcp://a:1","tcp://b:1"]`, "repeat": `"always"`}, false},
		{base + `--to {"endpoints":"tcp://a:1","key":"/k"}`, map[string]string{"schema": `"host"`, "content": `"x"`, "to": quoted(`{"endpoints":"tcp://a:1","key":"/k"}`), "repeat": `"always"`}, false},
		{base + "--repeat changed --timeout 3", map[string]string{"schema": `"host"`, "content": `"x"`, "timeout": `"3"`, "repeat": `"changed"`}, false},
		{"--schema host --content @" + file, map[string]string{"schema": `"host"`, "content": quoted("{\"a\":1}\n"), "repeat": `"always"`}, false},
		{"--schema host --content -", map[string]string{"schema": `"host"`, "content": quoted(`from stdin`), "repeat": `"always"`}, false},
		{"--schema host --content=", map[string]string{"schema": `"host"`, "content": `""`, "repeat": `"always"`}, false},
	} {
		given, asJSON, err := parseSend(strings.Fields(c.line), strings.NewReader("from stdin"))
		got := map[string]string{}
		if string(given["outbox"]) != `"false"` {
			t.Errorf("%s: outbox is %s", c.line, given["outbox"])
		}
		delete(given, "outbox")
		for name, raw := range given {
			got[name] = string(raw)
		}
		if err != nil || asJSON != c.asJSON || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, json %v, %v", c.line, got, asJSON, err)
		}
	}
}

func TestWrongUseOfSend(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"", "--schema is missing"},
		{"--schema host", "--content is missing"},
		{"--content x", "--schema is missing"},
		{"--schema host --content", "--content needs a value"},
		{"--schema host --content x now", `unexpected word "now"`},
		{"-s host", `unexpected word "-s"`},
		{"-- x", `unexpected word "--"`},
		{"--=x y", `unexpected word "--=x"`},
	} {
		_, _, err := parseSend(strings.Fields(c.line), strings.NewReader(""))
		mustFail(t, err, c.says)
		if !errors.Is(err, errUsage) {
			t.Errorf("%q: not told as usage: %v", c.line, err)
		}
	}
	_, _, err := parseSend([]string{"--schema", "host", "--content", "@/nowhere"}, nil)
	mustFail(t, err, "--content", "/nowhere")
	_, _, err = parseSend([]string{"--schema", "host", "--content", "-"}, endless{})
	mustFail(t, err, "--content", "over 67108864 bytes")
}

// endless is an input that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Exit code 2 is for what other words on the command line would mend.
func TestFaultsOfUsageAndOthers(t *testing.T) {
	m := newNode(t)
	for _, c := range []struct {
		attributes map[string]string
		usage      bool
		says       string
	}{
		{map[string]string{"timeout": `"600"`}, true, "expected 1 to 60"},
		{map[string]string{"tmeout": `"6"`}, true, "unknown attribute"},
		{map[string]string{"to": `"hub"`}, true, "hub"},
		{map[string]string{"content": quoted(`{"cpus":true}`)}, false, "/cpus"},
		{map[string]string{"schema": `"nosuch"`}, false, "nosuch"},
	} {
		given := map[string]json.RawMessage{"schema": json.RawMessage(`"host"`), "content": json.RawMessage(someContent), "to": json.RawMessage(`"tcp://a:1"`)}
		for name, raw := range c.attributes {
			given[name] = json.RawMessage(raw)
		}
		_, err := m.jobByHand(given)
		mustFail(t, err, c.says)
		if errors.Is(err, errUsage) != c.usage {
			t.Errorf("%v: usage is %v: %v", c.attributes, !c.usage, err)
		}
	}
}

func TestWhatSendPrints(t *testing.T) {
	j := job{attributes: attributes{replyFile: "/views/host.json"}}
	full := answer{endpoint: "tcp://hub:5309", listener: "SHA=abc", receipt: message.Receipt{Status: message.Stored, Wants: []string{"network", "dns"},
		View: &message.View{Name: "host_context", Data: json.RawMessage(`{"text":"<a&b>","n":1e400}`)}}}
	refused := answer{endpoint: "tcp://hub:5309", receipt: message.Receipt{Status: message.Refused, Code: message.UnknownSender}}
	for _, c := range []struct {
		what       string
		sent       sent
		text, json string
		fails      string
	}{
		{"stored", sent{id: "m1", answer: full},
			"stored  message m1 at tcp://hub:5309, proved by SHA=abc\nwants    network, dns\nview     /views/host.json\n",
			`{"message_id":"m1","endpoint":"tcp://hub:5309","listener":"SHA=abc","status":"stored","wants":["network","dns"],"view":{"text":"<a&b>","n":1e400}}` + "\n", ""},
		{"plain", sent{id: "m1", answer: answer{plain: true, endpoint: "tcp://hub:5309", receipt: stored}},
			"answered  message m1 at tcp://hub:5309, not proved by a key\n",
			`{"message_id":"m1","endpoint":"tcp://hub:5309","status":"answered"}` + "\n", ""},
		{"refused", sent{id: "m1", answer: refused},
			"refused  message m1 at tcp://hub:5309, not proved by a key\ncode     unknown_sender\nreason   " + unspoken[message.UnknownSender] + "\n",
			`{"message_id":"m1","endpoint":"tcp://hub:5309","status":"refused","code":"unknown_sender"}` + "\n", "refused: unknown_sender"},
		{"not delivered", sent{id: "m1", err: errors.New("nobody listens")}, "", "", "not delivered: nobody listens"},
		{"delivered, but", sent{id: "m1", answer: answer{endpoint: "e", receipt: stored}, aside: errors.New("disk full")},
			"stored  message m1 at e, not proved by a key\n",
			`{"message_id":"m1","endpoint":"e","status":"stored"}` + "\n", "delivered, but disk full"},
	} {
		for asJSON, want := range map[bool]string{false: c.text, true: c.json} {
			var out bytes.Buffer
			err := printSent(&out, j, c.sent, asJSON)
			if out.String() != want {
				t.Errorf("%s: printed\n%s not\n%s", c.what, out.String(), want)
			}
			if c.fails == "" && err != nil {
				t.Errorf("%s: %v", c.what, err)
			} else if c.fails != "" {
				mustFail(t, err, c.fails)
			}
		}
	}
	var out bytes.Buffer
	if err := errors.Join(printKept(&out, j, false), printKept(&out, j, true)); err != nil {
		t.Error(err)
	}
	if want := "kept  the listener holds this content: nothing was sent\n{\"status\":\"kept\"}\n"; out.String() != want {
		t.Errorf("printed %s", out.String())
	}
}

// By hand and by policy are one delivery: what was sent by hand is kept in the
// next run.
func TestAMessageByHandIsThePromises(t *testing.T) {
	m := newNode(t)
	given, _, err := parseSend([]string{"--schema", "host", "--content", someContent, "--to", "tcp://127.0.0.1:5309"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := m.jobByHand(given)
	if err != nil {
		t.Fatal(err)
	}
	if _, held := m.holds(byHand); held || byHand.repeat != repeatAlways {
		t.Error("by hand is not always sent")
	}
	if err := m.remember(t.Context(), byHand, answer{}, m.now()); err != nil {
		t.Fatal(err)
	}
	if _, held := m.holds(mustJob(t, m, nil)); !held {
		t.Error("the promise does not know of it")
	}
	if !slices.Equal(byHand.endpoints(), []string{"tcp://127.0.0.1:5309"}) {
		t.Errorf("to %v", byHand.endpoints())
	}
}
