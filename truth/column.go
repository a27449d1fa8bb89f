package truth

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/schemas"
)

// column is a top-level property as SQL sees it.
type column struct{ name, expression string }

// columnsOf gives a column for each top-level property of any of a schema's
// versions that is scalar, by name. Where versions differ in a type, it is text,
// which loses nothing.
func columnsOf(versions []*schemas.Schema) ([]column, error) {
	types := map[string]string{}
	for _, s := range versions {
		found, err := scalars(s.Document)
		if err != nil {
			return nil, err
		}
		for property, t := range found {
			if was, ok := types[property]; ok && was != t {
				t = "string"
			}
			types[property] = t
		}
	}
	var all []column
	for _, property := range slices.Sorted(maps.Keys(types)) {
		if value, ok := member(property); ok {
			all = append(all, column{property, cast(value, types[property])})
		}
	}
	return all, nil
}

// scalars are the top-level properties that are text, number or boolean, with
// their types in alphabetical order: "integer string".
func scalars(document []byte) (map[string]string, error) {
	var doc map[string]any
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	properties, _ := doc["properties"].(map[string]any)
	found := map[string]string{}
	for name, p := range properties {
		if t := scalarType(doc, p); t != "" {
			found[name] = t
		}
	}
	return found, nil
}

// scalarType reads a property's type, through $ref within the document. It is ""
// where the type is not given or allows more than scalars.
func scalarType(doc map[string]any, property any) string {
	p, _ := property.(map[string]any)
	for range 16 { // a $ref may lead to itself
		name, ok := strings.CutPrefix(text(p["$ref"]), "#/$defs/")
		if !ok || p["type"] != nil {
			break
		}
		defs, _ := doc["$defs"].(map[string]any)
		p, _ = defs[name].(map[string]any)
	}
	types, ok := p["type"].([]any)
	if !ok {
		types = []any{p["type"]}
	}
	var known []string
	for _, t := range types {
		switch t := text(t); t {
		case "string", "integer", "number", "boolean":
			known = append(known, t)
		case "null":
		default:
			return ""
		}
	}
	slices.Sort(known)
	return strings.Join(known, " ")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// member is the SQL for a member of the content, as facts/storage.md 10.2 has it
// where PostgreSQL reads it too. A name that no path of SQLite's can hold has
// none, and remains in content.
func member(property string) (sql string, ok bool) {
	if identifier.MatchString(property) {
		return "content->>'" + property + "'", true
	}
	if property == "" || strings.ContainsFunc(property, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		return "", false
	}
	return "content->>" + literal(`$."`+property+`"`), true
}

// cast makes a member what its type says. CFEngine has numbers and booleans as
// text too; what is then neither, as "Unknown", is NULL. Booleans are 1 and 0.
func cast(value, types string) string {
	switch types {
	case "integer", "boolean":
		return "CAST(" + value + " AS INTEGER)"
	case "number", "integer number":
		return "CAST(" + value + " AS REAL)"
	case "integer string", "number string":
		as := map[string]string{"integer string": "INTEGER", "number string": "REAL"}[types]
		return "CASE WHEN typeof(" + value + ") <> 'text' OR " + value + " GLOB '[-0-9]*' AND " + value + " NOT GLOB '?*[^0-9.]*' THEN CAST(" + value + " AS " + as + ") END"
	case "boolean string":
		return "CASE WHEN lower(" + value + ") IN ('1', 'true', 'yes', 'on') THEN 1 WHEN lower(" + value + ") IN ('0', 'false', 'no', 'off') THEN 0 END"
	}
	return "CAST(" + value + " AS TEXT)"
}

func literal(s string) string    { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func identified(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
