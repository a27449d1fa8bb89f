package view

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// contentColumn holds JSON without being named by json.
const contentColumn = "content"

// row turns one row after another into JSON.
type row struct {
	columns []string
	isJSON  []bool
	values  []any
	into    []any // pointers to values
	buffer  []byte
}

func newRow(c *Container, columns []string) *row {
	r := &row{columns: columns, isJSON: make([]bool, len(columns)), values: make([]any, len(columns)), into: make([]any, len(columns))}
	for i, name := range columns {
		r.isJSON[i] = name == contentColumn || slices.Contains(c.JSON, name)
		r.into[i] = &r.values[i]
	}
	return r
}

// read gives the row at hand: its content where that is its only column, else an
// object of its columns; nil when there is nothing in it.
func (r *row) read(rows *sql.Rows) (json.RawMessage, error) {
	if err := rows.Scan(r.into...); err != nil {
		return nil, err
	}
	if len(r.columns) == 1 && r.columns[0] == contentColumn {
		return r.verbatim(0)
	}
	r.buffer = append(r.buffer[:0], '{')
	for i := range r.columns {
		if err := r.member(i); err != nil {
			return nil, err
		}
	}
	if len(r.buffer) == 1 {
		return nil, nil
	}
	return append(slices.Clone(r.buffer), '}'), nil
}

// member adds a column, unless it is NULL: what was not said is not there.
func (r *row) member(i int) (err error) {
	start := len(r.buffer)
	if start > 1 {
		r.buffer = append(r.buffer, ',')
	}
	r.buffer, _ = jsontext.AppendQuote(r.buffer, r.columns[i])
	r.buffer = append(r.buffer, ':')
	value := r.values[i]
	if r.isJSON[i] {
		content, err := r.verbatim(i)
		if err != nil {
			return err
		}
		value = nil
		if content != nil {
			value = content
		}
	}
	if f, ok := value.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		value = nil // JSON has no word for it
	}
	if value == nil {
		r.buffer = r.buffer[:start]
		return nil
	}
	r.buffer, err = appendValue(r.buffer, value)
	return err
}

// verbatim is a column that holds JSON, byte for byte; nil for NULL.
func (r *row) verbatim(i int) (json.RawMessage, error) {
	var content json.RawMessage
	switch value := r.values[i].(type) {
	case nil:
		return nil, nil
	case string:
		content = json.RawMessage(value)
	case []byte:
		content = slices.Clone(json.RawMessage(value))
	case int64:
		content = strconv.AppendInt(nil, value, 10)
	default:
		return nil, fmt.Errorf("column %s is no JSON but a %T", r.columns[i], value)
	}
	if !jsontext.Value(content).IsValid() {
		return nil, fmt.Errorf("column %s is no JSON: %.60q; where it is text, give it another name than content, or leave it out of json", r.columns[i], content)
	}
	return content, nil
}

// appendValue writes what is in a column. A number from a content is written as
// SQLite read it; verbatim it is in the content alone.
func appendValue(b []byte, value any) ([]byte, error) {
	switch value := value.(type) {
	case json.RawMessage:
		return append(b, value...), nil
	case int64:
		return strconv.AppendInt(b, value, 10), nil
	case string:
		b, _ = jsontext.AppendQuote(b, value) // its error says that invalid UTF-8 was replaced
		return b, nil
	case []byte:
		b, _ = jsontext.AppendQuote(b, value)
		return b, nil
	}
	text, err := json.Marshal(value) // float64, and what column types of SQLite's driver make
	return append(b, text...), err
}

// array joins elements, sorted where their order says nothing.
func array(elements []json.RawMessage, sorted bool) json.RawMessage {
	if sorted {
		slices.SortFunc(elements, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	}
	b := []byte{'['}
	for i, element := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, element...)
	}
	return append(b, ']')
}

// object joins members by name.
func object(members map[string]json.RawMessage) json.RawMessage {
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, name)
		b = append(append(b, ':'), members[name]...)
	}
	return append(b, '}')
}
