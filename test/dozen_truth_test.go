package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// value is what history and export tell of one content.
type value struct {
	Entity, Sender string
	MessageID      string `json:"message_id"`
	From           string
	Until          *string
	Content        struct {
		Uqhost, Fqhost, Role string
		Site                 struct{ Rack string }
	}
}

// conflict is a value that several hosts claim.
type conflict struct {
	Schema, Property, Value string
	Entities                []claim
}

type claim struct{ Entity, Sender string }

// claims are the conflicts over what the nodes call themselves. Their networks
// are one and the same.
func (d *deployed) claims(t *testing.T) []conflict {
	t.Helper()
	all := objects[conflict](t, d.mustCommand(t, "conflicts", "--json"))
	return slices.DeleteFunc(all, func(c conflict) bool { return c.Schema != "host" })
}

// claimedTwice checks that a name that two hosts claim is shown with both, and
// leads to neither.
func (d *deployed) claimedTwice(t *testing.T, first, second *member) {
	t.Helper()
	found := d.claims(t)
	if len(found) != 1 || found[0].Property != "fqhost" || found[0].Value != first.name+"."+first.domain || len(found[0].Entities) != 2 {
		t.Fatalf("two claim %s, and conflicts shows %+v", first.name, found)
	}
	for _, m := range []*member{first, second} {
		if !slices.ContainsFunc(found[0].Entities, func(e claim) bool { return e == claim{string(m.digest), string(m.digest)} }) {
			t.Errorf("%s is not among %+v", m.name, found)
		}
	}
	_, err := d.command("view", "host_context", "--for", found[0].Value)
	if err == nil || !strings.Contains(err.Error(), string(first.digest)) || !strings.Contains(err.Error(), string(second.digest)) {
		t.Errorf("asked by a name that two have, view says %v", err)
	}
}

// asOf checks that the truth of the first round is still to be had.
func (d *deployed) asOf(t *testing.T, then time.Time) {
	t.Helper()
	at := then.UTC().Format(time.RFC3339Nano)
	all := objects[value](t, d.mustCommand(t, "export", "--schema", "host", "--as-of", at))
	for _, v := range all {
		if v.Content.Site.Rack != "r1" {
			t.Errorf("as of %s, %s is in %q", at, v.Content.Uqhost, v.Content.Site.Rack)
		}
	}
	if len(all) != len(d.nodes) {
		t.Errorf("as of %s, there were %d hosts", at, len(all))
	}
	var before, now struct {
		Merged struct {
			Role string
			Site struct{ Tier string }
		}
	}
	changed := string(d.nodes[0].digest)
	for into, args := range map[any][]string{&before: {"--as-of", at}, &now: nil} {
		out := d.mustCommand(t, append([]string{"view", "host_context", "--for", changed}, args...)...)
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatal(err)
		}
	}
	if before.Merged.Role+before.Merged.Site.Tier+now.Merged.Role+now.Merged.Site.Tier != "webfrontdbback" {
		t.Errorf("of a role that changed, the view was %+v and is %+v", before, now)
	}
}

// nothingLost counts: what each node was to tell is there, in its order, once.
func (d *deployed) nothingLost(t *testing.T) {
	t.Helper()
	type line struct {
		Sender    *string
		MessageID string `json:"message_id"`
	}
	stored, ids := map[string]int{}, map[string]bool{}
	for _, l := range objects[line](t, d.mustCommand(t, "tail", "--lines", "10000", "--json")) {
		if ids[l.MessageID] || l.Sender == nil {
			t.Errorf("message %s of %v is there twice, or nobody's", l.MessageID, l.Sender)
			continue
		}
		ids[l.MessageID] = true
		stored[*l.Sender]++
	}
	hosts := map[string]known{}
	for _, k := range objects[known](t, d.mustCommand(t, "hosts", "--json")) {
		hosts[k.Sender] = k
	}
	for _, m := range d.nodes {
		if waiting := m.waiting(); len(waiting) > 0 {
			t.Errorf("%s: the outbox holds %q", m.name, waiting)
		}
		k, racks, gaps := hosts[string(m.digest)], d.racks(t, m), 0
		want := "r1 r2 r3"
		switch m {
		case d.nodes[1]: // and another role
			want = "r1 r2 r3 r3"
		case d.nodes[11]: // what waited may have been superseded by what it says since
			want = "r1 r2 r3 r4"
			if racks == "r1 r2 r4" {
				want, gaps = racks, 1
			}
		}
		if k.Gaps != gaps || k.Messages != stored[k.Sender] {
			t.Errorf("%s: hosts says %+v, and the queue has %d", m.name, k, stored[k.Sender])
		}
		if racks != want {
			t.Errorf("%s: told %s, and the history has %s; its agent said:\n%s", m.name, want, racks, strings.Join(m.said, "\n"))
		}
	}
	if len(hosts) != len(d.nodes)+1 {
		t.Errorf("%d hosts", len(hosts))
	}
}

// racks are those of a node's history, each of which ends where the next begins.
func (d *deployed) racks(t *testing.T, m *member) string {
	t.Helper()
	var racks []string
	all := objects[value](t, d.mustCommand(t, "history", "host", string(m.digest), "--json"))
	for i, v := range all {
		racks = append(racks, v.Content.Site.Rack)
		last := i == len(all)-1
		if v.Sender != string(m.digest) || (v.Until == nil) != last || !last && *v.Until != all[i+1].From {
			t.Errorf("%s: the history is %+v", m.name, all)
		}
	}
	return strings.Join(racks, " ")
}

// onlyTheirOwn lets nodes ask for what is not theirs. Each question is taken, and
// what is not for the asker is not answered, and nothing is said of it.
func (d *deployed) onlyTheirOwn(t *testing.T) {
	t.Helper()
	admin, other := d.nodes[0], d.nodes[1]
	for _, question := range []struct {
		asker   *member
		content string
		answer  string // in the view; "" where there is none
	}{
		{admin, `{"name":"admins"}`, `{"uqhost":"node12"}`},
		{other, `{"name":"admins"}`, ""},
		{other, `{"name":"cmdb"}`, ""},
		{other, `{"name":"nosuch"}`, ""},
		{other, `{"name":"host_context"}`, `"uqhost":"node02"`},
		{other, `{"name":"host_context","parameters":{"sender":"` + string(admin.digest) + `"}}`, ""},
		{other, `{"name":"host_context","parameters":{"for":"node01","entity":"` + string(admin.digest) + `"}}`, ""},
		{other, `{"name":"neighbours","parameters":{"domain":"b.example"}}`, `{"uqhost":"node07"}`},
		{other, `{"name":"neighbours","parameters":{"domain":"b.example","sender":"` + string(admin.digest) + `"}}`, ""},
		{other, `{"name":"neighbours","parameters":{"domain":"x' OR '1'='1"}}`, `"hosts":[]`},
		{other, `{"name":"neighbours","parameters":{"domain":true}}`, `"hosts":[]`},
		{other, `{"name":"neighbours"}`, ""},
	} {
		out, err := question.asker.send("view_request", question.content)
		if err != nil {
			t.Errorf("%s asks %s: %v", question.asker.name, question.content, err)
		}
		if given := strings.Contains(out, `"view":`); given != (question.answer != "") || !strings.Contains(out, question.answer) {
			t.Errorf("%s asks %s, want %q, and has %s", question.asker.name, question.content, question.answer, out)
		}
		if question.asker == other && strings.Contains(out, string(admin.digest)) {
			t.Errorf("%s asks %s and learns of %s: %s", other.name, question.content, admin.name, out)
		}
	}
	if out, err := other.send("role", `{"domain":"","role":"web","site":{"tier":"mine"}}`); err == nil || !strings.Contains(err.Error(), "denied") {
		t.Errorf("a node may say what is the hub's to say: %s, %v", out, err)
	}
}

// send sends one message by hand and gives the receipt.
func (m *member) send(schema, content string) (string, error) {
	c := exec.Command(m.work+"/modules/promises/messages", "send", "--schema", schema, "--content", content, "--pattern", "request", "--json")
	c.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+m.work)
	out, err := c.Output()
	if failed, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return string(out), err
}

// sameAgain checks that a truth made anew from the queue is what it was.
func (d *deployed) sameAgain(t *testing.T) {
	t.Helper()
	before := d.mustCommand(t, "export")
	d.mustCommand(t, "rebuild")
	if after := d.mustCommand(t, "export"); after != before || strings.Count(before, "\n") < 3*len(d.nodes) {
		t.Errorf("the truth was\n%s\nand by rebuild is\n%s", before, after)
	}
}
