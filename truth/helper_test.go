package truth

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// patience bounds whatever a test waits for.
const patience = time.Minute

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// testSchemas are by id and version what stands in a document between its head
// and its end.
var testSchemas = map[string]string{
	"alpha/1.0": `"x-entity": "sender", "x-unique": ["name", "serial"], "properties": {"name": {"type": "string"}, "serial": {}, "n": {"type": "integer"}}`,
	"alpha/1.1": `"x-entity": "sender", "x-unique": ["name"], "properties": {"name": {"type": ["string", "null"]}, "n": {"type": "integer"}}`,
	"place/1.0": `"x-entity": ["domain"], "required": ["domain"], "properties": {"domain": {"type": "string"}, "v": {"type": "integer"}}`,
	"job/1.0":   `"x-entity": ["domain", "level"], "required": ["domain", "level"], "properties": {"domain": {"type": "string"}, "level": {"type": ["integer", "string"]}}`,
	"odd/1.0": `"x-entity": "sender", "$defs": {"flag": {"type": "boolean"}}, "properties": {"sender": {"type": "string"},
		"SELECT": {"type": "integer"}, "a b'c": {"type": "number"}, "on": {"$ref": "#/$defs/flag"}, "maybe": {"type": ["boolean", "string"]},
		"count": {"type": ["integer", "string"]}, "list": {"type": "array"}, "q\"": {"type": "string"}, "Name": {"type": "string"}, "name": {"type": "string"}}`,
}

// registry makes a registry of some of the test's schemas, all where none is named.
func registry(tb testing.TB, names ...string) *schemas.Registry {
	tb.Helper()
	folder := tb.TempDir()
	writeSchemas(tb, folder, names...)
	r, err := schemas.NewRegistry(folder)
	must(tb, err)
	_, err = r.All()
	must(tb, err)
	return r
}

func writeSchemas(tb testing.TB, folder string, names ...string) {
	tb.Helper()
	for name, body := range testSchemas {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		id, version, _ := strings.Cut(name, "/")
		document := fmt.Sprintf(`{"$schema": "https://json-schema.org/draft/2020-12/schema",
			"$id": "urn:cfengine-messages:schema:%s:%s", "x-kind": "state", "type": "object", %s}`, id, version, body)
		must(tb, os.MkdirAll(filepath.Join(folder, id), 0o700))
		must(tb, os.WriteFile(filepath.Join(folder, name+".json"), []byte(document), 0o600))
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// state is a listener's state folder with a queue.
type state struct {
	testing.TB
	folder   string
	queue    *queue.Queue
	registry *schemas.Registry
	n        int
}

func (s *state) options() Options { return Options{Schemas: s.registry} }

func newState(tb testing.TB) *state {
	tb.Helper()
	s := &state{TB: tb, folder: tb.TempDir(), registry: registry(tb)}
	var err error
	s.queue, err = queue.Open(s.folder, queue.Options{Waiting: 1 << 20, WaitingBytes: 1 << 30, Now: func() time.Time { return noon }})
	must(tb, err)
	tb.Cleanup(func() { must(tb, s.queue.Close()) })
	return s
}

// said is a message: its content, and what tells it from the others.
func (s *state) said(sender, schema, content string, iat int64, seq uint64) queue.Message {
	s.n++
	id := fmt.Sprint("id", s.n)
	m := queue.Message{
		Pattern: "push", Peer: "192.0.2.7", Sender: sender, Schema: schema, Version: "1.0", MessageID: id, IssuedAt: iat, Seq: seq,
		ReceivedAt: noon.Add(time.Duration(s.n) * time.Second),
	}
	return framed(m, content)
}

func framed(m queue.Message, content string) queue.Message {
	m.Frame = fmt.Appendf(nil, `{"%s":{"message_id":"%s","content":%s,"version":"%s"}}`, m.Schema, m.MessageID, content, m.Version)
	return m
}

// put stores messages and gives the position of the last one.
func (s *state) put(messages ...queue.Message) (position int64) {
	s.Helper()
	var stored sync.WaitGroup
	for _, m := range messages {
		stored.Add(1)
		must(s, s.queue.Put(m, func(is queue.Stored) {
			defer stored.Done()
			if is.Err != nil || is.Duplicate {
				s.Errorf("%s: %+v", m.MessageID, is)
			}
			position = is.Position
		}))
	}
	stored.Wait()
	return position
}

// open opens the truth; the end of the test closes it.
func (s *state) open() *Truth {
	s.Helper()
	t, err := Open(s.folder, s.options())
	must(s, err)
	s.Cleanup(func() { must(s, t.Close()) })
	return t
}

// apply has everything in the queue applied and closes the truth.
func (s *state) apply() {
	s.Helper()
	t, err := Open(s.folder, s.options())
	must(s, err)
	s.await(t, s.last())
	must(s, t.Close())
}

func (s *state) last() int64 {
	s.Helper()
	r, err := queue.OpenReader(s.folder)
	must(s, err)
	defer r.Close()
	c, err := r.Counts(s.Context())
	must(s, err)
	return c.Last
}

func (s *state) await(t *Truth, position int64) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := t.WaitFor(ctx, position); err != nil {
		s.Fatalf("waiting for %d: %v, %+v", position, err, t.Status())
	}
}

func (s *state) reader() *Reader {
	s.Helper()
	r, err := OpenReader(s.folder)
	must(s, err)
	s.Cleanup(func() { r.Close() })
	return r
}

// dump is all that the file holds, a line a row.
func (s *state) dump() []string {
	s.Helper()
	r := s.reader()
	r.MaxRows = 10_000_000
	var all []string
	tables, err := collect(s.Context(), r, scanText, "SELECT name, type, sql FROM sqlite_schema")
	must(s, err)
	all = append(all, tables...)
	// Tables with numbers that stand for texts are shown as the views that join them.
	for _, name := range shown {
		all = append(all, s.table(name)...)
	}
	for _, rows := range []string{
		"SELECT schema, entity, sender, version, content FROM main._facts",
		`SELECT schema, entity, "from", tie, position, received_at FROM main._facts JOIN main._messages USING (id)`,
		"SELECT schema, name, hex(sum) FROM main._subjects",
	} {
		all = append(all, s.table("("+rows+")")...)
	}
	var verdict string
	must(s, r.conn.QueryRowContext(s.Context(), "PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		s.Fatal(verdict)
	}
	must(s, r.Close())
	return all
}

// table is what a table holds, a line a row.
func (s *state) table(name string) []string {
	s.Helper()
	r := s.reader()
	r.MaxRows = 10_000_000
	rows, err := collect(s.Context(), r, scanText, "SELECT * FROM "+name)
	must(s, err)
	must(s, r.Close())
	return rows
}

func scanText(rows *sql.Rows) (string, error) {
	row, err := scanRow(rows)
	return strings.TrimSuffix(fmt.Sprintln(row...), "\n"), err
}

func scanRow(rows *sql.Rows) ([]any, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	return row, rows.Scan(into...)
}

// same compares two dumps, whose rows may lie in another order.
func (s *state) same(what string, got, want []string) {
	s.Helper()
	count := map[string]int{}
	for _, line := range got {
		count[line]++
	}
	for _, line := range want {
		count[line]--
	}
	shown := 0
	for line, n := range count {
		if n != 0 && shown < 10 {
			shown++
			s.Errorf("%s: %+d times %.300s", what, n, line)
		}
	}
}
