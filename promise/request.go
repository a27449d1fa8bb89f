package promise

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The operations of protocol version 1.
const (
	opValidate  = "validate_promise"
	opEvaluate  = "evaluate_promise"
	opTerminate = "terminate"
)

// checkHeader returns an error unless line is the header of an agent that speaks
// our version of the protocol: "cf-agent 3.21.0 v1".
func checkHeader(line []byte) error {
	words := strings.Fields(string(line))
	if len(words) < 3 || words[0] != "cf-agent" {
		return fmt.Errorf("expected cf-agent's header, got %q: this program is a promise module, to be started by cf-agent", shorten(string(line), 80))
	}
	if words[2] != "v1" {
		return fmt.Errorf("cf-agent %s speaks version %q of the promise protocol, this module only v1: install a newer module", words[1], words[2])
	}
	return nil
}

// header is what the agent wants to hear first. Without action_policy it would not
// send a promise under a dry run at all.
func header(name, version string) []byte {
	return []byte(name + " " + version + " v1 json_based action_policy\n\n")
}

// A request is what the agent asks for.
type request struct {
	operation string // empty where it can't be read
	promise   Promise
	refused   error // why the promise can't be passed on
}

// String names the request in a log line.
func (q request) String() string {
	if q.operation == opTerminate {
		return q.operation
	}
	p := q.promise
	return fmt.Sprintf("%s of %s promise '%s' (%s)", q.operation, p.Type, shorten(p.Promiser, 80), p.Where())
}

// wireRequest is a request as the agent writes it. terminate has nothing but the
// operation, and attributes is missing where the promise has none.
type wireRequest struct {
	Operation  string                     `json:"operation"`
	LogLevel   string                     `json:"log_level"`
	Type       string                     `json:"promise_type"`
	Promiser   json.RawMessage            `json:"promiser"`
	Line       int                        `json:"line_number"`
	File       string                     `json:"filename"`
	Attributes map[string]json.RawMessage `json:"attributes"`
}

// parseRequest reads a message of the agent.
func parseRequest(f frame) request {
	if f.refused != nil {
		return request{refused: f.refused}
	}
	var w wireRequest
	if err := json.Unmarshal(normalise(f.line), &w); err != nil {
		return request{refused: unreadable(err)}
	}
	if w.Operation == "" {
		return request{refused: errors.New("cannot read the agent's request: it names no operation")}
	}
	p := Promise{Type: w.Type, Attributes: w.Attributes, File: w.File, Line: w.Line, LogLevel: w.LogLevel}
	if p.Attributes == nil {
		p.Attributes = map[string]json.RawMessage{}
	}
	p.WarnOnly = warnOnly(p)
	refused := errors.Join(notUTF8("the promiser", w.Promiser), attributesNotUTF8(w.Attributes))
	if w.Promiser != nil && json.Unmarshal(w.Promiser, &p.Promiser) != nil {
		refused = errors.New("the promiser is not a string")
	}
	return request{w.Operation, p, refused}
}

// unreadable tells what is wrong with a request in an operator's words.
func unreadable(err error) error {
	var other *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &other):
		return fmt.Errorf("cannot read the agent's request: it is not JSON: %w", err)
	case other.Field == "":
		return fmt.Errorf("cannot read the agent's request: it is a JSON %s, not an object", other.Value)
	}
	return fmt.Errorf("cannot read the agent's request: its %s is a JSON %s", other.Field, other.Value)
}

// warnOnly judges as the agent itself does (dontdo in mod_custom.c): it sends warn
// for its dry run and simulations.
func warnOnly(p Promise) bool {
	policy, _ := asText(p.Attributes["action_policy"])
	return policy == "warn" || policy == "nop"
}

// attributesNotUTF8 leaves the agent's own attributes alone: a comment in Latin-1 is
// no reason to refuse a promise.
func attributesNotUTF8(attributes map[string]json.RawMessage) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !slices.Contains(agentAttributes, name) {
			problems = append(problems, notUTF8("attribute '"+name+"'", attributes[name]))
		}
	}
	return errors.Join(problems...)
}

// notUTF8 returns an error where a JSON text is not UTF-8. encoding/json would replace
// such bytes without a word.
func notUTF8(what string, text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf(`%s is not UTF-8 (byte \x%02x at %d): convert it, or encode it, for example in base64`, what, text[i], i)
		}
		i += size
	}
	return nil
}
