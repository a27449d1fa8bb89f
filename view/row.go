package view

import (
	"bytes"
	"database/sql/driver"
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

// row is one row of a container.
type row struct {
	container *Container
	columns   []string
	values    []driver.Value
}

// read gives the row as JSON: its content where that is its only column, else an
// object of its columns; nil when there is nothing in it.
func (r row) read() (json.RawMessage, error) {
	if len(r.columns) == 1 && r.columns[0] == contentColumn {
		return r.verbatim(0)
	}
	b, err := []byte{'{'}, error(nil)
	for i := range r.columns {
		if b, err = r.member(b, i); err != nil {
			return nil, err
		}
	}
	if len(b) == 1 {
		return nil, nil
	}
	return append(b, '}'), nil
}

// member adds a column, unless it is NULL: what was not said is not there.
func (r row) member(b []byte, i int) ([]byte, error) {
	value := any(r.values[i])
	if r.isJSON(i) {
		content, err := r.verbatim(i)
		if err != nil {
			return nil, err
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
		return b, nil
	}
	if len(b) > 1 {
		b = append(b, ',')
	}
	b, _ = jsontext.AppendQuote(b, r.columns[i])
	return appendValue(append(b, ':'), value)
}

func (r row) isJSON(i int) bool {
	return r.columns[i] == contentColumn || slices.Contains(r.container.JSON, r.columns[i])
}

// verbatim is a column that holds JSON, byte for byte; nil for NULL.
func (r row) verbatim(i int) (json.RawMessage, error) {
	var content json.RawMessage
	switch value := r.values[i].(type) {
	case nil:
		return nil, nil
	case string:
		content = json.RawMessage(value)
	case []byte:
		content = json.RawMessage(value)
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
