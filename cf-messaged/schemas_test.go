package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withSchemas is a site with schemas of its own, by their paths in the folder.
func withSchemas(t *testing.T, files map[string]string) *site {
	t.Helper()
	s := newSite(t)
	folder := filepath.Join(s.dir, "schemas")
	must(t, os.Mkdir(folder, 0o700))
	for name, text := range files {
		path := filepath.Join(folder, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	s.write(append([]string{"schemas: " + folder}, loopback...)...)
	return s
}

func (s *site) schema(name string) string { return filepath.Join(s.dir, "schemas", name) }

func disks(version, members string) string {
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:cfengine-messages:schema:disks:` + version + `",
"title":"Disks \u001b[31m","x-kind":"dynamic","x-entity":"sender","type":"object","additionalProperties":false,"properties":{` + members + `}}`
}

func TestSchemaList(t *testing.T) {
	s := withSchemas(t, map[string]string{"disks/1.0.json": disks("1.0", `"a":{}`), "disks/1.1.json": disks("1.1", "")})
	out := s.mustCLI("schema", "list")
	if !hasLine(out, "disks", "1.0", "dynamic", "sender", `Disks \x1b[31m`) || !hasLine(out, "host", "1.0", "common", "sender") || !hasLine(out, "role", "1.0", "static", "domain,role") {
		t.Errorf("%s", out)
	}
	found := map[string]map[string]any{}
	for line := range strings.Lines(s.mustCLI("schema", "list", "--json")) {
		var m map[string]any
		must(t, json.Unmarshal([]byte(line), &m))
		found[m["id"].(string)+" "+m["version"].(string)] = m
	}
	if m := found["disks 1.1"]; m["file"] != s.schema("disks/1.1.json") || m["kind"] != "dynamic" || m["entity"] != "sender" {
		t.Errorf("%v", m)
	}
	if m := found["dns 1.0"]; m["title"] != "The DNS of a domain" || len(m["entity"].([]any)) != 1 {
		t.Errorf("%v", m)
	}
}

// TestSchemaListWithFaults shows the others, and fails.
func TestSchemaListWithFaults(t *testing.T) {
	s := withSchemas(t, map[string]string{"disks/1.0.json": disks("1.0", ""), "torn/1.0.json": "{"})
	out, err := s.cli("schema", "list")
	wantError(t, err, s.schema("torn/1.0.json"), "not JSON")
	if !hasLine(out, "disks", "1.0") || !hasLine(out, "host", "1.0") {
		t.Errorf("%s", out)
	}
	s.write("schemas: "+filepath.Join(s.dir, "gone"), strings.Join(loopback, "\n"))
	_, err = s.cli("schema", "list")
	wantUsage(t, err, filepath.Join(s.dir, "gone"))
}

func TestSchemaShow(t *testing.T) {
	one, two := disks("1.0", `"a":{}`), disks("1.1", "")
	s := withSchemas(t, map[string]string{"disks/1.0.json": one + "\n", "disks/1.1.json": two})
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"disks"}, two + "\n"},
		{[]string{"disks", "1.0"}, one + "\n"},
		{[]string{"disks", "1.0", "--json"}, strings.ReplaceAll(one, "\n", "") + "\n"},
	} {
		if got := s.mustCLI(append([]string{"schema", "show"}, test.args...)...); got != test.want {
			t.Errorf("%q\n%s", test.args, got)
		}
	}
	var document struct{ Examples []any }
	must(t, json.Unmarshal([]byte(s.mustCLI("schema", "show", "view_request")), &document))
	if len(document.Examples) == 0 {
		t.Error("no examples")
	}
	_, err := s.cli("schema", "show", "disk")
	wantError(t, err, `no schema "disk"; there are curve_key, disks, dns`)
	_, err = s.cli("schema", "show", "disks", "2.0")
	wantError(t, err, `no version "2.0" of schema "disks"; there are 1.0, 1.1`)
	for _, args := range [][]string{{}, {"list", "x"}, {"show"}, {"show", "a", "b", "c"}, {"check", "a"}, {"no"}} {
		_, err := s.cli(append([]string{"schema"}, args...)...)
		wantUsage(t, err)
	}
}

func TestSchemaCheck(t *testing.T) {
	s := withSchemas(t, map[string]string{
		"1.0": disks("1.0", `"a":{"type":"string","maxLength":5}`),
		"1.1": disks("1.1", `"a":{"type":"string","maxLength":6}`),
		"1.2": disks("1.2", `"a":{"type":"string","maxLength":6,"pattern":"^a"},"\u001b":{}`),
		"1.3": strings.Replace(disks("1.3", `"a":{"type":"string","maxLength":6}`), "31m", "32m", 1),
	})
	check := func(old, new string, more ...string) (string, error) {
		return s.cli(append([]string{"schema", "check", s.schema(old), s.schema(new)}, more...)...)
	}
	out, err := check("1.1", "1.3")
	must(t, err)
	if out != "disks 1.1 and 1.3 are compatible (both)\n" {
		t.Errorf("%q", out)
	}
	if out, err := check("1.1", "1.3", "--json"); err != nil || out != "" {
		t.Errorf("%q, %v", out, err)
	}
	out, err = check("1.0", "1.1")
	wantError(t, err, "disks 1.0 and 1.1 are not known to be compatible (both), differences: 1")
	if isUsage(err) || !hasLine(out, "forward", "incompatible", "/properties/a/maxLength: maxLength 6 in 1.1, maxLength 5 in 1.0") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := check("1.0", "1.1", "--way", "backward"); err != nil {
		t.Error(err)
	}
	out, err = check("1.1", "1.2")
	if err == nil || strings.Contains(out, "\x1b") || strings.Count(out, "\n") != 4 {
		t.Errorf("%v\n%q", err, out)
	}
	out, err = check("1.1", "1.2", "--json", "--way", "backward")
	var m map[string]string
	must(t, json.Unmarshal([]byte(out), &m))
	if err == nil || m["way"] != "backward" || m["verdict"] != "incompatible" || m["pointer"] != "/properties/a/pattern" || m["why"] == "" || m["way_out"] == "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSchemaCheckUsage(t *testing.T) {
	s := withSchemas(t, map[string]string{"1.0": disks("1.0", ""), "1.1": disks("1.1", ""), "torn": "{", "big": strings.Repeat(" ", maxSchemaFile+1)})
	for _, test := range []struct{ old, new, way, want string }{
		{"1.1", "1.0", "both", "name the older one first"},
		{"1.0", "1.0", "both", "give the new one a new version"},
		{"1.0", "torn", "both", s.schema("torn") + ": line 1: not JSON"},
		{"big", "1.0", "both", s.schema("big") + ": larger than 1024 KiB"},
		{"1.0", "gone", "both", s.schema("gone")},
		{"1.0", "1.1", "back", "expected both, backward or forward"},
	} {
		_, err := s.cli("schema", "check", s.schema(test.old), s.schema(test.new), "--way", test.way)
		wantUsage(t, err, test.want)
	}
}
