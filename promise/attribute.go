package promise

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns a string attribute, or absent where the promise has none.
func (p Promise) Text(name, absent string) (string, error) {
	raw, ok := p.Attributes[name]
	if !ok {
		return absent, nil
	}
	if text, ok := asText(raw); ok {
		return text, nil
	}
	return "", p.unexpected(name, "a string")
}

// List returns an attribute that is a list of strings (slist), or absent where the
// promise has none. A single string is a list of one.
func (p Promise) List(name string, absent []string) ([]string, error) {
	raw, ok := p.Attributes[name]
	if !ok {
		return absent, nil
	}
	if text, ok := asText(raw); ok {
		return []string{text}, nil
	}
	var elements []json.RawMessage
	if !utf8.Valid(raw) || json.Unmarshal(raw, &elements) != nil || elements == nil {
		return nil, p.unexpected(name, "a list of strings")
	}
	list := make([]string, len(elements))
	for i, element := range elements {
		if list[i], ok = asText(element); !ok {
			return nil, fmt.Errorf("attribute '%s': expected a list of strings, got %s as its element %d", name, describe(element), i+1)
		}
	}
	return list, nil
}

// Bool returns a boolean attribute, or absent where the promise has none. It takes
// what CFEngine takes, "true", "yes", "on", "false", "no", "off", and the JSON
// booleans that containers hold.
func (p Promise) Bool(name string, absent bool) (bool, error) {
	raw, ok := p.Attributes[name]
	if !ok {
		return absent, nil
	}
	text, ok := asText(raw)
	if !ok {
		text = string(raw)
	}
	switch text {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, p.unexpected(name, "true or false")
}

// Int returns an attribute that is a whole number, or absent where the promise has
// none: a string of digits as policy's int gives, or a number in a container. The
// latter arrives wrapped where it is beyond 32 bits, so check for a range.
func (p Promise) Int(name string, absent int64) (int64, error) {
	raw, ok := p.Attributes[name]
	if !ok {
		return absent, nil
	}
	text, ok := asText(raw)
	if !ok {
		text = string(raw)
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, p.unexpected(name, "a whole number")
	}
	return number, nil
}

// Require returns an error for each of the named attributes that the promise lacks,
// or nil.
func (p Promise) Require(names ...string) error {
	var missing []error
	for _, name := range names {
		if _, ok := p.Attributes[name]; !ok {
			missing = append(missing, fmt.Errorf("attribute '%s' is missing", name))
		}
	}
	return errors.Join(missing...)
}

// agentAttributes are what cf-agent passes along of its own accord: comment, handle
// and the action body's attributes (PromiseModule_AppendAllAttributes in
// mod_custom.c, action_constraints in mod_common.c). Others never arrive.
var agentAttributes = []string{
	"action_policy", "audit", "background", "comment", "expireafter", "handle", "ifelapsed", "log_failed", "log_kept",
	"log_priority", "log_repaired", "log_string", "measurement_class", "report_level",
}

// AgentAttributes returns the names of the attributes that any promise may have and
// that are the agent's business. A module accepts and ignores them.
func AgentAttributes() []string { return slices.Clone(agentAttributes) }

// UnknownAttributes returns an error for each attribute of p that is neither one of
// the known ones nor one of [AgentAttributes], or nil.
func UnknownAttributes(p Promise, known ...string) error {
	var unknown []error
	for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
		if !slices.Contains(known, name) && !slices.Contains(agentAttributes, name) {
			unknown = append(unknown, fmt.Errorf("unknown attribute '%s', known are: %s", name, enumerate(known)))
		}
	}
	return errors.Join(unknown...)
}

func enumerate(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// unexpected is the error for an attribute that is not what it should be.
func (p Promise) unexpected(name, expected string) error {
	return fmt.Errorf("attribute '%s': expected %s, got %s", name, expected, describe(p.Attributes[name]))
}

// asText returns the text of a JSON string, if raw is one and is UTF-8.
func asText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' || !utf8.Valid(raw) {
		return "", false
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// describe tells in a few words what a JSON value is.
func describe(raw json.RawMessage) string {
	text, isText := asText(raw)
	switch {
	case isText:
		return "'" + shorten(text, 40) + "'"
	case !utf8.Valid(raw):
		return "bytes that are not UTF-8"
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '[':
		return "a list"
	case raw[0] == '{':
		return describeObject(raw)
	}
	return shorten(string(raw), 40)
}

// describeObject knows how cf-agent passes a function that it did not call, as in a
// custom body.
func describeObject(raw json.RawMessage) string {
	var call struct{ Type, Name string }
	if json.Unmarshal(raw, &call) == nil && call.Type == "function-call" {
		return "a call of " + call.Name + "() that the agent did not make (as in a custom body)"
	}
	return "a container"
}
