package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// key is the digest of a host of these tests.
func key(n int) hostkey.Digest { return hostkey.Digest(fmt.Sprintf("SHA=%064d", n)) }

// Who may send, by what a feed says: the whole way from YAML to the decision.
func TestWhoMaySend(t *testing.T) {
	const nobody = hostkey.Digest("")
	self, listed, viewed, other := key(1), key(2), key(3), key(4)
	known := senders{self: self, views: map[string][]hostkey.Digest{"admins": {viewed}, "none": nil}}
	for text, may := range map[string][]hostkey.Digest{
		"{}":                             nil,
		"from:":                          nil,
		"from: []":                       nil,
		"from: trusted":                  {self, listed, viewed, other},
		"from: self":                     {self},
		"from: [self]":                   {self},
		"from: [" + string(listed) + "]": {listed},
		"from: {view: admins}":           {viewed},
		"from: {view: none}":             nil,
		"from: {view: not_asked_yet}":    nil,
		"from: [{view: admins}, {view: none}, self, " + string(listed) + "]": {self, listed, viewed},
		"unsigned: true":                         {nobody},
		"{unsigned: true, from: {view: admins}}": {nobody, viewed},
		"{unsigned: true, from: trusted}":        {nobody, self, listed, viewed, other},
	} {
		var feed Feed
		must(t, yaml.Unmarshal([]byte(text), &feed))
		rule, err := feed.rule(known)
		must(t, err)
		var got []hostkey.Digest
		for _, d := range []hostkey.Digest{nobody, self, listed, viewed, other} {
			if rule.May(d, false) {
				got = append(got, d)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(may) {
			t.Errorf("%s: %q may, want %q", text, got, may)
		}
	}
	feed := Feed{From: "self"}
	if rule, err := feed.rule(senders{}); err != nil || len(rule.Senders) != 0 {
		t.Errorf("self without a key: %v, %v", rule, err)
	}
}

// What an answer yields: the column digest of each row, or the only one.
func TestYielded(t *testing.T) {
	a, b := string(key(1)), string(key(2))
	for _, c := range []struct {
		data, want string
		others     int
	}{
		{`{}`, "", 0},
		{`{"x":[]}`, "", 0},
		{`{"x":[{"digest":"A"},{"digest":"B","name":"b"},{"digest":"A"}]}`, "A B", 0},
		{`{"x":[{"entity":"B"}],"y":{"digest":"A"}}`, "A B", 0},
		{`{"x":["A"],"y":"B"}`, "A B", 0},
		{`{"x":[{"entity":"A","name":"b"},{"digest":"unsigned:192.0.2.1"},{"digest":7},{"digest":null},null,7,[],"A ",{}],"y":{"digest":"B"}}`, "B", 9},
		{`{"x":[{"digest":{"digest":"A"}}]}`, "", 1},
	} {
		named := strings.NewReplacer("A", a, "B", b)
		got, others, err := yielded(json.RawMessage(named.Replace(c.data)), nil)
		if want := named.Replace(c.want); err != nil || strings.Trim(fmt.Sprint(got), "[]") != want || others != c.others {
			t.Errorf("%s: %v, %d others, %v", c.data, got, others, err)
		}
	}
	for _, data := range []string{`[]`, `7`, ``} {
		if _, _, err := yielded(json.RawMessage(data), nil); err == nil {
			t.Errorf("%q: no error", data)
		}
	}
}

// A view of from must be there, and be answered without a host.
func TestSenderViewsAreChecked(t *testing.T) {
	for from, want := range map[string]string{
		"{view: cmdb}":                 "",
		"{view: nosuch}":               `feeds.host.from: no view "nosuch"; there are: cmdb`,
		"[self, {view: host_context}]": "view host_context is for a host or has parameters",
		"{view: zone}":                 "view zone is for a host or has parameters",
	} {
		c, err := parseConfig([]byte("feeds: {host: {from: " + from + "}}"))
		must(t, err)
		_, err = c.views()
		if want != "" {
			wantError(t, err, want)
		} else {
			must(t, err)
		}
	}
}
