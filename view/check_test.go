package view

import (
	"context"
	"strings"
	"testing"
)

// Each SQL is refused, when the file is read or when it is compiled.
func TestSQLFaults(t *testing.T) {
	w := newWorld(t)
	conn, err := w.open(context.Background())
	w.must(err)
	defer conn.Close()
	for _, c := range []struct{ sql, want string }{
		{";", "there is no SELECT"},
		{"-- nothing", "there is no SELECT"},
		{"DELETE FROM host", `"DELETE" is no SELECT`},
		{"PRAGMA user_version", `"PRAGMA" is no SELECT`},
		{"ATTACH '/tmp/x' AS x", `"ATTACH" is no SELECT`},
		{"BEGIN", `"BEGIN" is no SELECT`},
		{"EXPLAIN SELECT 1", `"EXPLAIN" is no SELECT`},
		{"'a'", "expected SELECT"},
		{"SELECT 1; SELECT 2", "several statements"},
		{"SELECT 1;;", "several statements"},
		{"SELECT 1; DROP VIEW host", "several statements"},
		{"SELECT ':' || ';' FROM host; -- end\n ATTACH 'x' AS y", "several statements"},
		{"SELECT 'x", "what begins with ' does not end"},
		{"SELECT 1 /* x", "what begins with /* does not end"},
		{"WITH gone AS (SELECT 1) DELETE FROM host", "cannot modify host because it is a view"},
		{"WITH gone AS (SELECT 1) DELETE FROM '_latest'", "a view only reads schemas"},
		{"WITH gone AS (SELECT 1) INSERT INTO host SELECT 1", "a view only reads schemas"},
		{"SELECT load_extension('x')", "not authorized to use function: load_extension"},
		{"SELECT * FROM pragma_table_info('host')", `"pragma_table_info" is not for views`},
		{"SELECT * FROM 'pragma_database_list'", "a view only reads schemas"},
		{"SELECT * FROM 'sqlite_schema'", "a view only reads schemas"},
		{"SELECT * FROM sqlite_schema", `"sqlite_schema" is not for views`},
		{`SELECT * FROM "_latest"`, `"_latest" is not for views: they read schemas`},
		{"SELECT entity FROM host WHERE entity = ?", `"?": parameters are written as :sender`},
		{"SELECT entity FROM host WHERE entity = @sender", `"@sender": parameters are written as :sender`},
		{"SELECT entity FROM host WHERE domain = :domain", ":domain is not known; there are :sender; others are declared, as parameters: [domain]"},
		{"SELECT h.nope FROM host h", "no such column: h.nope; host has entity, sender, received_at, content"},
		{"SELECT * FROM nope", "there is no schema nope; there are: curve_key, dns, domain, host"},
		{"SELECT entity FORM host", `near "host": syntax error`},
		{"SELECT 1) UNION SELECT * FROM (SELECT 2", "syntax error"},
		{"SELECT entity, sender AS entity FROM host", "two columns are named entity"},
	} {
		set, err := Load(folderOf(t, "v", one(c.sql)))
		if err == nil {
			err = set.Check(context.Background(), conn)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.sql, err, c.want)
			continue
		}
		if !strings.Contains(err.Error(), "v.yaml:2:26: container rows: ") {
			t.Errorf("%s: no place in %v", c.sql, err)
		}
	}
}

// A fault is told where it stands.
func TestFaultPlaces(t *testing.T) {
	w := newWorld(t)
	conn, err := w.open(context.Background())
	w.must(err)
	defer conn.Close()
	set := w.views("v", `# hosts
for: trusted
publish_on: [gone]
containers:
  hosts:
    json: [network]
    sql: SELECT entity FROM host
  racks:
    sql: |
      SELECT h.entity
      FROM host h
      WHERE h.rack = 1
`)
	err = set.Check(context.Background(), conn)
	for _, want := range []string{
		"v.yaml: publish_on: there is no schema gone",
		"v.yaml:7:10: container hosts: json names network, and sql has no such column, but entity",
		"v.yaml:12:10: container racks: no such column: h.rack",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
	_, err = Load(folderOf(t, "v", "containers:\n  a:\n    sql: |\n      SELECT entity\n      FROM host WHERE x = :y\n"))
	if err == nil || !strings.Contains(err.Error(), "v.yaml:5:10: container a: :y is not known") {
		t.Error(err)
	}
}

// What only looks like a fault is none.
func TestSQLThatHolds(t *testing.T) {
	w := newWorld(t)
	conn, err := w.open(context.Background())
	w.must(err)
	defer conn.Close()
	for _, sql := range []string{
		"SELECT entity FROM host; -- the end ; of it",
		"select ':x ? ; _y' AS text, 'it''s' AS more from host",
		"/* ; :x */ SELECT entity FROM host",
		`SELECT entity AS "a ; b", sender AS [it's] FROM host`,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
		"VALUES (1)",
		"SELECT j.value->>'name' AS name FROM dns d, json_each(d.content, '$.records') j",
		"SELECT entity FROM host WHERE entity = :sender OR sender = :sender",
		"SELECT max(entity) OVER (ORDER BY sender) AS m FROM host",
	} {
		set, err := Load(folderOf(t, "v", one(sql)))
		if err == nil {
			err = set.Check(context.Background(), conn)
		}
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// Whatever SQL gets past scan, the connection allows reading alone.
func TestGuard(t *testing.T) {
	w := newWorld(t)
	conn, err := w.open(context.Background())
	w.must(err)
	defer conn.Close()
	w.must(guard(conn))
	for _, sql := range []string{
		"ATTACH ':memory:' AS x", "PRAGMA query_only = 0", "PRAGMA user_version", "SELECT load_extension('x')",
		"CREATE TEMP TABLE t (x)", "CREATE TEMP VIEW host AS SELECT 1", "DELETE FROM _latest", "VACUUM INTO '/tmp/x'",
		"SELECT * FROM sqlite_schema", "SELECT * FROM pragma_database_list", "SAVEPOINT x", "DETACH main", "REINDEX", "ANALYZE",
	} {
		if _, err := conn.ExecContext(context.Background(), sql); err == nil {
			t.Errorf("%s was allowed", sql)
		}
	}
	var length int
	if err := conn.QueryRowContext(context.Background(), "SELECT length(zeroblob(100000000))").Scan(&length); err == nil {
		t.Error("a value of 100 MB was made")
	}
}
