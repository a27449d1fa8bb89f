package truth

import (
	"encoding/json"
	"testing"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

func TestEntity(t *testing.T) {
	sender := schemas.Entity{Sender: true}
	domain := schemas.Entity{Properties: []string{"domain"}}
	both := schemas.Entity{Properties: []string{"domain", "role"}}
	for _, c := range []struct {
		entity        schemas.Entity
		sender, peer  string
		content, want string
	}{
		{sender, "SHA=1", "192.0.2.1", `[]`, "SHA=1"},
		{sender, "", "192.0.2.1", `{}`, "unsigned:192.0.2.1"},
		{sender, "", "192.0.2.1:4567", `{}`, "unsigned:192.0.2.1"},
		{sender, "", "2001:db8::1", `{}`, "unsigned:2001:db8::1"},
		{sender, "", "ipc:0:0:42", `{}`, "unsigned:ipc:0:0:42"},
		{domain, "SHA=1", "", `{"x":1, "domain" : "webhuis.nl"}`, "webhuis.nl"},
		{domain, "SHA=1", "", `{"dom\u0061in":"<&>"}`, "<&>"},
		{domain, "SHA=1", "", `{"domain":""}`, ""},
		{domain, "SHA=1", "", `{"domain":null}`, "[null]"},
		{domain, "SHA=1", "", `{"domain":"[null]"}`, `["[null]"]`},
		{domain, "SHA=1", "", `{"domain":"SHA=2"}`, `["SHA=2"]`},
		{domain, "SHA=1", "", `{"domain":"unsigned:"}`, `["unsigned:"]`},
		{domain, "SHA=1", "", `{"domain":12}`, "[12]"},
		{both, "SHA=1", "", `{"role":"r","domain":"a\",\"b"}`, `["a\",\"b","r"]`},
		{both, "SHA=1", "", `{"role":{"b":1.0,"a":[true,false]},"domain":-0.50}`, `[-5e-1,{"a":[true,false],"b":1}]`},
	} {
		got, err := entityOf(c.entity, &queue.Message{Sender: c.sender, Peer: c.peer}, []byte(c.content))
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.content, got, err, c.want)
		}
	}
	for _, content := range []string{`{}`, `[]`, `"domain"`, `{"Domain":"a"}`} {
		if got, err := entityOf(domain, &queue.Message{}, []byte(content)); err == nil {
			t.Errorf("%s: %q, want an error", content, got)
		}
	}
	if got := Entity("webhuis.nl", "x2gvdt"); got != `["webhuis.nl","x2gvdt"]` || Entity("webhuis.nl") != "webhuis.nl" {
		t.Errorf("got %s, %s", got, Entity("webhuis.nl"))
	}
}

func TestCanonicalNumber(t *testing.T) {
	for _, c := range [][]string{
		{"0", "-0", "0.0", "0e5", "-0.00e-3"},
		{"10", "10.0", "1e1", "1E+1", "100e-1", "0.1e2"},
		{"-10", "-10.0"},
		{"1e-1", "0.1", "0.10", "10e-2"},
		{"9007199254740993", "9007199254740993.0"},
		{"9007199254740992"},
		{"12345e-4", "1.2345"},
		{"1e300", "10e299"},
	} {
		for _, n := range c {
			if got := canonicalNumber(n); got != c[0] {
				t.Errorf("%s: %s, want %s", n, got, c[0])
			}
		}
	}
}

// What is canonical means the same and stays as it is.
func FuzzCanonical(f *testing.F) {
	for _, text := range []string{`{"b":[1,2.50,1e400],"a":"\u00e9<"}`, `-0`, `"\ud83d\ude00"`, `1e-400`, `[{}]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 || !json.Valid([]byte(text)) {
			return
		}
		once, err := canonical([]byte(text))
		if err != nil {
			return
		}
		twice, err := canonical([]byte(once))
		if err != nil || twice != once {
			t.Errorf("%s: %s, then %s, %v", text, once, twice, err)
		}
	})
}
