package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// Parameters are what a question says beside who asks it: text, numbers
// (json.Number) or booleans, by their names.
type Parameters map[string]any

// ParseRequest reads the content of a view_request, which has passed its schema.
func ParseRequest(content json.RawMessage) (name string, p Parameters, err error) {
	var request struct {
		Name       string     `json:"name"`
		Parameters Parameters `json:"parameters"`
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	if err := d.Decode(&request); err != nil {
		return "", nil, fmt.Errorf("view_request: %w", err)
	}
	return request.Name, request.Parameters, nil
}

// bind gives each parameter that the view's SQL may name its value. sender is
// who asks, and nothing that the question says can change that.
func (v *View) bind(host hostkey.Digest, p Parameters) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(v.Parameters, name) {
			return nil, &ParameterError{v.Name, fmt.Sprintf("there is no parameter %.64q%s", name, v.known())}
		}
	}
	values := map[string]any{sender: string(host)}
	for _, name := range v.Parameters {
		value, given := p[name]
		if !given {
			return nil, &ParameterError{v.Name, fmt.Sprintf("parameter %s is missing%s", name, v.known())}
		}
		bound, ok := sqlValue(value)
		if !ok {
			return nil, &ParameterError{v.Name, fmt.Sprintf("parameter %s is no text, number or boolean", name)}
		}
		values[name] = bound
	}
	return values, nil
}

func (v *View) known() string {
	if len(v.Parameters) == 0 {
		return "; it has none"
	}
	return "; it has " + strings.Join(v.Parameters, ", ")
}

// sqlValue makes a value what SQL compares with the columns of the truth:
// booleans are 1 and 0 there.
func sqlValue(value any) (any, bool) {
	switch value := value.(type) {
	case string, int64, float64:
		return value, true
	case bool:
		if value {
			return int64(1), true
		}
		return int64(0), true
	case json.Number:
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return n, true
		}
		f, err := strconv.ParseFloat(string(value), 64)
		return f, err == nil
	}
	return nil, false
}
