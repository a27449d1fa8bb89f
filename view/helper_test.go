package view

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// digest is that of the n-th host.
func digest(n int) hostkey.Digest { return hostkey.Digest(fmt.Sprintf("SHA=%064x", n)) }

var testFile = sqlite.File{Name: "truth.db", What: "truth", ApplicationID: 1, Formats: []string{`CREATE TABLE _latest
	(schema TEXT, entity TEXT, sender TEXT, received_at INTEGER, content TEXT, UNIQUE (schema, entity)) STRICT`},
	Synchronous: sqlite.Normal, CacheKiB: 1024}

// world is a truth with the views of all schemas, as DESIGN.md section 10 has them.
type world struct {
	t      testing.TB
	folder string
	conn   *sqlite.Conn
	put    *sql.Stmt
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir()}
	var err error
	w.conn, err = testFile.Make(context.Background(), w.folder)
	w.must(err)
	t.Cleanup(func() { w.must(w.conn.Close()) })
	registry, err := schemas.NewRegistry()
	w.must(err)
	all, err := registry.All()
	w.must(err)
	for _, s := range all {
		w.must(w.conn.Run("DROP VIEW IF EXISTS " + s.ID + ";" + viewOf(t, s))) // that of its newest version
	}
	w.must(w.conn.Prepare(context.Background(), map[**sql.Stmt]string{&w.put: "INSERT OR REPLACE INTO _latest VALUES (?, ?, ?, ?, ?)"}))
	return w
}

// viewOf is a schema's view, with its text columns.
func viewOf(t testing.TB, s *schemas.Schema) string {
	var document struct {
		Properties map[string]struct{ Type any }
	}
	if err := json.Unmarshal(s.Document, &document); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE VIEW %s AS SELECT entity, sender, received_at, content", s.ID)
	for name, p := range document.Properties {
		if p.Type == "string" {
			fmt.Fprintf(&b, ", CAST(content->>'%s' AS TEXT) AS \"%s\"", name, name)
		}
	}
	return b.String() + " FROM _latest WHERE schema = '" + s.ID + "'"
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// say puts a content into the truth; from stands for the sender where an entity
// is not named.
func (w *world) say(schema, entity, content string) {
	w.t.Helper()
	_, err := w.put.Exec(schema, entity, entity, 1_700_000_000_000_000, content)
	w.must(err)
}

// open is Options.Open.
func (w *world) open(ctx context.Context) (*sqlite.Conn, error) {
	return testFile.Open(ctx, w.folder, "ro")
}

// views loads a site's views, given as names and texts, beside the shipped ones.
func (w *world) views(namesAndTexts ...string) *Set {
	w.t.Helper()
	set, err := Load(folderOf(w.t, namesAndTexts...))
	w.must(err)
	return set
}

func folderOf(t testing.TB, namesAndTexts ...string) string {
	folder := t.TempDir()
	for i := 0; i < len(namesAndTexts); i += 2 {
		if err := os.WriteFile(filepath.Join(folder, namesAndTexts[i]+".yaml"), []byte(namesAndTexts[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// runner answers a site's views, which hold.
func (w *world) runner(l Limits, namesAndTexts ...string) *Runner {
	w.t.Helper()
	set := w.views(namesAndTexts...)
	conn, err := w.open(context.Background())
	w.must(err)
	w.must(set.Check(context.Background(), conn))
	w.must(conn.Close())
	r := NewRunner(set, Options{Open: w.open, Limits: l})
	w.t.Cleanup(func() { w.must(r.Close()) })
	return r
}

// one is a view of one container named rows, for everybody that is trusted.
func one(sql string) string {
	return "for: trusted\ncontainers: {rows: {sql: " + quotedText(sql) + "}}\n"
}

func quotedText(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}
