package main

import (
	"strings"
	"testing"
)

// A line of the log names the handler and its schema once each.
func TestHandlersLog(t *testing.T) {
	r := newSite(t,
		"listeners:", "  - {pattern: request, bind: [tcp://127.0.0.1:0]}",
		"feeds:", "  host: {from: trusted, handlers: [{exec: [/bin/echo, hello]}, {exec: [/bin/false], tries: 1}]}").listen()
	r.send("one", `{"uqhost":"a"}`)
	for _, says := range []string{`"hello"`, "gave a message up"} {
		r.log.await(t, says)
		line := r.log.line(says)
		if strings.Count(line, `"handler":`) != 1 || strings.Count(line, `"schema":`) != 1 {
			t.Error(line)
		}
	}
}
