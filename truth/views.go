package truth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/schemas"
)

// fixed are the columns that every view has, before those of the properties.
var fixed = []string{"entity", "sender", "received_at", "content"}

// fixedText selects them. What changes with each message is not looked up where
// nobody asks for it, and is no table of the view: SQLite can then take the view for
// its one table wherever it is joined.
const fixedText = "entity, sender, (SELECT received_at FROM _messages WHERE id = _facts.id" + newestFirst + ") AS received_at, content"

// setSchemas makes the views of what reg holds. What is the same stays, so a
// restart writes nothing. A file that cannot be used has no view, and is not
// ours to report: who made reg did.
func (w *writer) setSchemas(reg *schemas.Registry) error {
	all, _ := reg.All()
	byID := map[string][]*schemas.Schema{}
	unique := map[string]bool{}
	for _, s := range all {
		byID[s.ID] = append(byID[s.ID], s)
		unique[s.ID] = unique[s.ID] || len(s.Unique) > 0
	}
	wanted := map[string]string{}
	for id, versions := range byID {
		if err := defineSchema(wanted, id, versions); err != nil {
			return err
		}
	}
	if err := w.define(wanted); err != nil {
		return fmt.Errorf("making the views of the schemas: %w", err)
	}
	w.registry, w.unique = reg, unique
	return nil
}

// defineSchema adds the view of a schema, and for what its entities are named by
// an index each, because views join by them.
func defineSchema(wanted map[string]string, id string, versions []*schemas.Schema) error {
	if strings.HasPrefix(id, "sqlite_") {
		return nil // SQLite keeps these names for itself
	}
	columns, err := columnsOf(versions)
	if err != nil {
		return fmt.Errorf("schema %s: %w", id, err)
	}
	wanted[id] = viewText(id, columns)
	for _, property := range versions[len(versions)-1].Entity.Properties {
		for _, c := range columns {
			if c.name == property {
				name := "_by " + id + " " + property
				wanted[name] = "CREATE INDEX " + identified(name) + " ON _facts (" + c.expression + ") WHERE schema = " + literal(id)
			}
		}
	}
	return nil
}

// viewText is the view of a schema (DESIGN.md section 10). Columns are told apart
// without regard to case, so a name that is taken gets a "_".
func viewText(id string, columns []column) string {
	taken := map[string]bool{}
	for _, name := range fixed {
		taken[name] = true
	}
	var b strings.Builder
	b.WriteString("CREATE VIEW " + identified(id) + " AS SELECT " + fixedText)
	for _, c := range columns {
		name := c.name
		for taken[strings.ToLower(name)] {
			name += "_"
		}
		taken[strings.ToLower(name)] = true
		b.WriteString(", " + c.expression + " AS " + identified(name))
	}
	b.WriteString(" FROM _facts WHERE schema = " + literal(id))
	return b.String()
}

// define makes the file's views and our indexes what is wanted, by name.
func (w *writer) define(wanted map[string]string) error {
	there, err := w.defined()
	if err != nil || maps.Equal(there, wanted) {
		return err
	}
	return w.transaction(func() error {
		for _, name := range slices.Sorted(maps.Keys(there)) {
			if wanted[name] != there[name] {
				kind, _, _ := strings.Cut(strings.TrimPrefix(there[name], "CREATE "), " ")
				if err := w.conn.Run("DROP " + kind + " " + identified(name)); err != nil {
					return err
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			if wanted[name] != there[name] {
				if err := w.conn.Run(wanted[name]); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		return nil
	})
}

func (w *writer) defined() (map[string]string, error) {
	rows, err := w.conn.QueryContext(context.Background(),
		`SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND name NOT GLOB '_*' OR type = 'index' AND name GLOB '_by *'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		there[name] = text
	}
	return there, rows.Err()
}
