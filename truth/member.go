package truth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// members reads these members of a content that is an object; of those that are not
// there, nothing. They are parts of the content.
func members(content []byte, names []string) ([]json.RawMessage, error) {
	found := make([]json.RawMessage, len(names))
	d := jsontext.NewDecoder(bytes.NewBuffer(content)) // of a Buffer it reads the bytes where they are
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return nil, fmt.Errorf("the content is no object: %.60q", content)
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		at := slices.Index(names, name.String())
		if at < 0 {
			err = d.SkipValue()
		} else {
			var value jsontext.Value
			value, err = d.ReadValue()
			found[at] = bytes.Clone(value)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
