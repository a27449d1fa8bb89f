package view

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// catalogue is what may be read: the columns of each schema's view.
type catalogue map[string][]string

// Check compiles all SQL on a connection to the truth, which nobody else uses
// meanwhile and to which it changes nothing. It tells all faults at once, each
// with file, line and column: schemas and columns that are not there, and
// whatever would do more than read.
func (s *Set) Check(ctx context.Context, c *sqlite.Conn) error {
	there, err := readCatalogue(ctx, c)
	if err != nil {
		return fmt.Errorf("views: reading the truth's schemas: %w", err)
	}
	if err := guard(c); err != nil {
		return fmt.Errorf("views: %w", err)
	}
	var faults []error
	for _, name := range s.Names() {
		faults = append(faults, s.views[name].check(ctx, c, there))
	}
	return errors.Join(append(faults, unguard(c))...)
}

func readCatalogue(ctx context.Context, c *sqlite.Conn) (catalogue, error) {
	rows, err := c.QueryContext(ctx, `SELECT s.name, p.name FROM sqlite_schema s, pragma_table_info(s.name) p
		WHERE s.type = 'view' AND s.name NOT GLOB '_*' ORDER BY s.name, p.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := catalogue{}
	for rows.Next() {
		var schema, column string
		if err := rows.Scan(&schema, &column); err != nil {
			return nil, err
		}
		there[schema] = append(there[schema], column)
	}
	return there, rows.Err()
}

func (v *View) check(ctx context.Context, c *sqlite.Conn, there catalogue) error {
	var faults []error
	for _, schema := range v.PublishOn {
		if _, ok := there[schema]; !ok {
			faults = append(faults, place{file: v.File}.fault("publish_on: %s", there.unknown(schema)))
		}
	}
	for i := range v.Containers {
		faults = append(faults, v.Containers[i].check(ctx, c, there))
	}
	return errors.Join(faults...)
}

func (c *Container) check(ctx context.Context, conn *sqlite.Conn, there catalogue) error {
	text := c.statement.text
	s, err := conn.PrepareContext(ctx, text)
	if err != nil {
		return c.explain(err, there)
	}
	if err := s.Close(); err != nil {
		return err
	}
	// Only a query can stand in brackets. That it gives no row here makes it cheap.
	rows, err := conn.QueryContext(ctx, "SELECT * FROM (\n"+text+"\n) LIMIT 0", make([]any, len(c.statement.parameters))...)
	if err != nil {
		return c.explain(err, there)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	return c.checkColumns(columns)
}

// repeated is how SQLite tells columns of the same name apart in a subquery.
var repeated = regexp.MustCompile(`^(.*):[0-9]+$`)

func (c *Container) checkColumns(columns []string) error {
	for _, name := range columns {
		if m := repeated.FindStringSubmatch(name); m != nil && slices.Contains(columns, m[1]) {
			return c.place.fault("container %s: two columns are named %s; name one of them by AS", c.Name, m[1])
		}
	}
	for _, name := range c.JSON {
		if !slices.Contains(columns, name) {
			return c.place.fault("container %s: json names %s, and sql has no such column, but %s", c.Name, name, strings.Join(columns, ", "))
		}
	}
	return nil
}

var noSuch = regexp.MustCompile(`no such (column|table): (?:main\.|temp\.)?(.+)$`)

// near is what SQLite names of a text that it does not understand.
var near = regexp.MustCompile(`near "([^"]+)"`)

// explain tells what SQLite has against the SQL, where, and what there is instead.
func (c *Container) explain(err error, there catalogue) error {
	text := err.Error()
	found := ""
	if m := noSuch.FindStringSubmatch(text); m != nil {
		found = m[2]
		if m[1] == "table" {
			text = there.unknown(m[2])
		} else {
			text += c.columnsOf(there)
		}
	} else if m := near.FindStringSubmatch(text); m != nil {
		found = m[1]
	} else if strings.Contains(text, "not authorized") || strings.Contains(text, "prohibited") {
		text += ": a view only reads schemas"
	}
	at := c.place
	if n := strings.Index(c.SQL, found); n > 0 {
		at = at.within(c.SQL, n)
	} else {
		at = at.within(c.SQL, 0)
	}
	return at.fault("container %s: %s", c.Name, text)
}

func (there catalogue) unknown(schema string) string {
	var known []string
	for name := range there {
		known = append(known, name)
	}
	slices.Sort(known)
	return fmt.Sprintf("there is no schema %s; there are: %s", schema, strings.Join(known, ", "))
}

// columnsOf tells what the schemas have that the SQL names.
func (c *Container) columnsOf(there catalogue) string {
	var b strings.Builder
	var told []string
	for _, word := range c.statement.words {
		if columns, ok := there[word]; ok && !slices.Contains(told, word) {
			told = append(told, word)
			fmt.Fprintf(&b, "; %s has %s", word, strings.Join(columns, ", "))
		}
	}
	return b.String()
}
