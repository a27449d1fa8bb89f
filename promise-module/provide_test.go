package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/message"
)

const someProof = "SHA=0000000000000000000000000000000000000000000000000000000000000000"

// provider is a node and its job whose view is provided.
func provider(t *testing.T, view string) (*messages, job) {
	t.Helper()
	m := newNode(t)
	j := mustJob(t, m, map[string]string{"provide": `"true"`, "to": `{"endpoints":["tcp://127.0.0.1:1"],"key":"` + someProof + `"}`})
	mustWrite(t, j.replyFile, []byte(view))
	return m, j
}

func TestWhatIsProvided(t *testing.T) {
	const ours = `"tags":["source=messages"]`
	for what, c := range map[string]struct{ old, view, want string }{
		"the first": {``, `{"role":"web"}`,
			`{"variables":{"messages.host":{"value":{"role":"web"},` + ours + `}},"classes":{"messages_host":{"class_expressions":["any::"],` + ours + `}}}`},
		"a list, beside what others have": {`{ "vars": {"x" : 1.50}, "variables": {"\u00e9": null}, "other": 1}`, `["a"]`,
			`{"vars":{"x" : 1.50},"variables":{"\u00e9":null,"messages.host":{"value":["a"],` + ours + `}},"other":1,"classes":{"messages_host":{"class_expressions":["any::"],` + ours + `}}}`},
		"in place of the last, beside another's": {`{"classes":{"messages_host_old":{` + ours + `},"theirs":{` + ours + `}},"variables":{"messages.host":{` + ours + `},"messages.net":{"value":{"classes":["b"]},` + ours + `}}}`,
			`{"classes":["$(x)","$ (x)","default:any"]}`,
			`{"classes":{"theirs":{` + ours + `},"messages_host":{"class_expressions":["any::"],` + ours + `},"messages_host____x_":{"class_expressions":["any::"],` + ours +
				`},"messages_host_default_any":{"class_expressions":["any::"],` + ours + `},"messages_net":{"class_expressions":["any::"],` + ours + `},"messages_net_b":{"class_expressions":["any::"],` + ours +
				`}},"variables":{"messages.host":{"value":{"classes":["$ (x)","$ (x)","default:any"]},` + ours + `},"messages.net":{"value":{"classes":["b"]},` + ours + `}}}`},
	} {
		m, j := provider(t, c.view)
		if c.old != "" {
			mustWrite(t, m.work.hostSpecific(), []byte(c.old))
		}
		for _, want := range []bool{true, false} {
			if changed, err := m.provide(t.Context(), j, true); err != nil || changed != want {
				t.Errorf("%s: changed %v, %v", what, changed, err)
			}
		}
		if got := mustRead(t, m.work.hostSpecific()); got != c.want+"\n" {
			t.Errorf("%s:\n%s\nwant\n%s", what, got, c.want)
		}
	}
}

// Nothing of the file is lost when it cannot be added to.
func TestAFileThatIsNotOursToWriteStays(t *testing.T) {
	for says, c := range map[string]struct{ old, view string }{
		"damaged":                   {`{"variables":{"x":`, `{}`},
		"damaged (malformed: empty": {"", `{}`},
		"expected an object":        {`[]`, `{}`},
		`section "classes"`:         {`{"classes":[]}`, `{}`},
		`"messages.mine" in its section "vars" was put there by something else`: {`{"vars":{"messages.mine":1}}`, `{}`},
		`"messages-host" in its section "classes"`:                              {`{"classes":{"messages-host":"any::"}}`, `{}`},
		`names of 1 to 200 bytes`:                                               {`{}`, `{"classes":["` + strings.Repeat("x", 201) + `"]}`},
		`"classes" of the view`:                                                 {`{}`, `{"classes":{"a":1}}`},
		"CFEngine would not read it with this view":                             {`{"vars":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`, `["` + strings.Repeat("x", 4<<20) + `"]`},
		"bytes are more than CFEngine reads":                                    {`{}`, `["` + strings.Repeat("x", maxView) + `"]`},
		"it is no JSON":                                                         {`{}`, `{`},
	} {
		m, j := provider(t, c.view)
		mustWrite(t, m.work.hostSpecific(), []byte(c.old))
		_, err := m.provide(t.Context(), j, true)
		mustFail(t, err, says)
		if mustRead(t, m.work.hostSpecific()) != c.old {
			t.Errorf("%s: the file is another", says)
		}
	}
	m, j := provider(t, `{}`)
	mustWrite(t, filepath.Join(m.work.state(), "elsewhere"), []byte(`{}`))
	if err := os.MkdirAll(filepath.Dir(m.work.hostSpecific()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(m.work.state(), "elsewhere"), m.work.hostSpecific()); err != nil {
		t.Fatal(err)
	}
	_, err := m.provide(t.Context(), j, true)
	mustFail(t, err, "no regular file")
}

// Whatever a listener says lands below our names, and whatever others wrote
// stays as it is.
func FuzzWithView(f *testing.F) {
	f.Add(`{"vars":{"a":1},"classes":{"b":"any::"}}`, `{"classes":["x","messages_"],"$(y)":[null]}`)
	f.Add(`{"variables":{"messages.a":{"value":1,"tags":["source=messages"]}}}`, `[1e9]`)
	f.Fuzz(func(t *testing.T, old, view string) {
		safe, err := safeForPolicy(json.RawMessage(view))
		if err != nil || message.CheckJSON([]byte(old), hostSpecificLimits) != nil {
			return
		}
		data, err := withView([]byte(old), "host", safe)
		if err != nil {
			return
		}
		for _, section := range []string{"vars", "variables", "classes", "other"} {
			if before, after := others(t, []byte(old), section), others(t, data, section); before != after {
				t.Errorf("section %s of others was %s and is %s", section, before, after)
			}
		}
	})
}

func others(t *testing.T, data []byte, section string) string {
	t.Helper()
	doc, err := parseDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := doc.section(section)
	var theirs document
	for _, m := range s {
		if !m.isOurs() {
			theirs = append(theirs, m)
		}
	}
	return string(theirs.bytes())
}
