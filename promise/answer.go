package promise

import (
	"strings"
	"unicode/utf8"
)

// An answer is what the agent hears: log lines, then a line of JSON.
type answer struct {
	operation string
	promiser  string
	outcome   Outcome
}

// encode writes the answer as the agent reads it (PromiseModule_Receive in
// mod_custom.c): LF ends a line, an empty line ends the answer. There is no log
// member, and no result_classes where there are none, as null crashes the agent.
func (a answer) encode() []byte {
	text := a.encodeLogs()
	text = append(text, '{')
	if a.operation != "" {
		text = append(quote(append(text, `"operation":`...), a.operation), ',')
	}
	if a.operation == opValidate || a.operation == opEvaluate {
		text = append(quote(append(text, `"promiser":`...), a.promiser), ',')
	}
	text = quote(append(text, `"result":`...), string(a.outcome.result))
	if len(a.outcome.classes) > 0 {
		text = append(text, `,"result_classes":["`+strings.Join(a.outcome.classes, `","`)+`"]`...)
	}
	return append(text, "}\n\n"...)
}

// encodeLogs writes as many lines as the agent can count.
func (a answer) encodeLogs() []byte {
	var text []byte
	count := 0
	for _, l := range a.outcome.logs {
		for _, line := range l.lines {
			if count++; count > maxLines {
				return append(text, "log_verbose=(more lines were left out)\n"...)
			}
			text = append(text, "log_"+levelNames[l.level]+"="+line+"\n"...)
		}
	}
	return text
}

// quote appends s as a JSON string without any \u escape, which the agents print as
// it stands or take for a byte. What can't be written without is replaced.
func quote(text []byte, s string) []byte {
	const letters, escaped = "btnfr\"\\", "\b\t\n\f\r\"\\"
	text = append(text, '"')
	for _, r := range s {
		switch i := strings.IndexRune(escaped, r); {
		case i >= 0:
			text = append(text, '\\', letters[i])
		case r < 0x20:
			text = utf8.AppendRune(text, utf8.RuneError)
		default:
			text = utf8.AppendRune(text, r)
		}
	}
	return append(text, '"')
}
