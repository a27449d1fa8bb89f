package view

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestShippedViewsHold(t *testing.T) {
	w := newWorld(t)
	set := w.views()
	if got := set.Names(); !slices.Equal(got, []string{"cmdb", "host_context", "hostgroups", "zone"}) {
		t.Fatal(got)
	}
	conn, err := w.open(context.Background())
	w.must(err)
	defer conn.Close()
	w.must(set.Check(context.Background(), conn))
	if _, err := conn.ExecContext(context.Background(), "PRAGMA user_version"); err != nil {
		t.Errorf("Check leaves its guard behind: %v", err)
	}
}

func TestAffected(t *testing.T) {
	set := newWorld(t).views("racks", "for: trusted\npublish_on: [inventory]\ncontainers: {racks: {sql: SELECT entity FROM inventory}}")
	for schema, want := range map[string][]string{
		"inventory": {"cmdb", "racks"},
		"dns":       {"host_context", "zone"},
		"software":  nil,
	} {
		if got := set.Affected(schema); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", schema, got, want)
		}
	}
}

// A site's file replaces a shipped one of its name; without containers it only
// says for whom it is.
func TestReplace(t *testing.T) {
	set := newWorld(t).views(
		"zone", "for: trusted\ncontainers: {all: {sql: SELECT content FROM dns}}",
		"cmdb", "for: ["+string(digest(7))+"]",
		"hostgroups", "for: trusted\npublish_on: [role]")
	zone, _ := set.Find("zone")
	if len(zone.Parameters) != 0 || len(zone.Containers) != 1 || zone.PublishOn != nil {
		t.Errorf("zone: %+v", zone)
	}
	cmdb, _ := set.Find("cmdb")
	if !cmdb.For.Allows(digest(7)) || cmdb.For.Allows(digest(8)) || cmdb.Containers[0].Name != "hosts" || len(cmdb.PublishOn) != 3 {
		t.Errorf("cmdb: %+v", cmdb)
	}
	groups, _ := set.Find("hostgroups")
	if !slices.Equal(groups.PublishOn, []string{"role"}) {
		t.Errorf("hostgroups: %+v", groups)
	}
}

func TestLoadFaults(t *testing.T) {
	const sql = "containers: {rows: {sql: SELECT entity FROM host}}"
	for _, c := range []struct{ name, text, want string }{
		{"Big", sql, "Big.yaml: its name is the view's: a lower-case letter"},
		{"v", "", "v.yaml: empty: a view has at least containers"},
		{"v", "for: trusted\ncontainer: {}\n", `v.yaml: [2:1] unknown field "container"`},
		{"v", "for: trusted\nfor: sender\n" + sql, `v.yaml: [2:1] mapping key "for" already defined`},
		{"v", sql + "\n---\na: b\n", "v.yaml: something follows after ---"},
		{"v", "for: trusted\n", "v.yaml: containers: none; a view has at least one"},
		{"v", "for: everybody\n" + sql, "v.yaml:1:6: for: everybody is none of: sender, trusted, a list of key digests"},
		{"v", "for: {a: b}\n" + sql, "for: map[a:b] is none of"},
		{"v", "for:\n  - " + string(digest(1)) + "\n  - MD5=12\n" + sql, `v.yaml:3:5: for: "MD5=12" is not a key digest`},
		{"v", "for: sender\n" + sql, "v.yaml:1:6: for: sender, but no sql names :sender"},
		{"v", "publish_on: [host, Bad]\n" + sql, `v.yaml:1:20: publish_on: "Bad" is no schema's id`},
		{"v", "parameters: [sender]\n" + sql, "v.yaml:1:14: parameters: sender is there without being named"},
		{"v", "parameters: [a]\n" + sql, "v.yaml:1:14: parameters: no sql names :a"},
		{"v", "parameters: [a, a]\n" + sql, "v.yaml:1:17: parameters: a stands there twice"},
		{"v", "parameters: ['x;y']\n" + sql, `parameters: "x;y" is no name of a parameter`},
		{"v", "merge: [gone]\n" + sql, `v.yaml:1:9: merge: there is no container "gone"`},
		{"v", "merge: [rows]\n" + sql, "v.yaml:1:9: merge: container rows is a list; only a container that is single can be merged"},
		{"v", "merge: [a]\ncontainers: {a: {single: true, sql: SELECT 1}, merged: {sql: SELECT 1}}", "container merged: that is the name of what merge makes"},
		{"v", "containers: {rows: {single: true}}", "container rows: sql is missing"},
		{"v", "containers: {rows: {sql: SELECT 1, limit: 3}}", `unknown field "limit"`},
		{"v", "containers: {Rows: {sql: SELECT 1}}", `containers: "Rows" is no name`},
		{"v", "containers: [1]", "v.yaml: [1:13]"},
		{"v", "for: 0\npublish_on: !x\na:\n    b: c\n", "v.yaml: the YAML library cannot read it"},
		{"zone", "for: trusted\nparameters: [a]\n", "parameters and merge need containers"},
	} {
		_, err := Load(folderOf(t, c.name, c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestLoadFolder(t *testing.T) {
	if _, err := Load("/nowhere"); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Error(err)
	}
	folder := folderOf(t, "big", "# "+strings.Repeat("x", sizeLimit))
	if _, err := Load(folder); err == nil || !strings.Contains(err.Error(), "a view has at most 1048576") {
		t.Error(err)
	}
	folder = folderOf(t)
	if err := os.Symlink("/etc/passwd", folder+"/out.yaml"); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(folder); err == nil {
		t.Error("a link out of the folder was followed")
	}
}

// All faults are told at once.
func TestLoadAllFaults(t *testing.T) {
	_, err := Load(folderOf(t, "a", "for: x\n", "b", "for: y\n"))
	if err == nil || !strings.Contains(err.Error(), "a.yaml:1") || !strings.Contains(err.Error(), "b.yaml:1") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := shipped.ReadDir(".")
	for _, file := range files {
		text, _ := shipped.ReadFile(file.Name())
		f.Add(string(text))
	}
	f.Add("for: 0\npublish_on: !x\na:\n    b: c\n") // the YAML library panics
	f.Add("for: [SHA=1]\nmerge: [a]\ncontainers: {a: {single: true, json: [b], sql: \"SELECT ';' AS b -- :x\"}}")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parse("v", "v.yaml", []byte(text), nil)
		if err != nil {
			return
		}
		if len(v.Containers) == 0 {
			t.Fatal("a view without containers")
		}
		for _, c := range v.Containers {
			first := strings.ToUpper(c.statement.words[0])
			if !validName.MatchString(c.Name) || !slices.Contains([]string{"SELECT", "WITH", "VALUES"}, first) {
				t.Fatalf("%+v", c)
			}
			for _, p := range c.statement.parameters {
				if p != sender && !slices.Contains(v.Parameters, p) {
					t.Fatalf("parameter %s was never declared", p)
				}
			}
		}
	})
}
