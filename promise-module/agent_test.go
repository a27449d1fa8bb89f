package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/zmq"
)

// heard is what the agent hears about one promise.
type heard struct {
	logs    []string // as LEVEL=TEXT
	result  string
	classes []string
}

// String is one line, for comparing.
func (h heard) String() string {
	return fmt.Sprintf("%s %v %q", h.result, h.classes, h.logs)
}

func (h heard) has(level, text string) bool {
	for _, line := range h.logs {
		if strings.HasPrefix(line, level+"=") && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// converse holds a whole conversation of the agent with the type about one
// promise and returns the answer to the operation.
func converse(t testing.TB, kind promise.Type, operation string, p promise.Promise) heard {
	t.Helper()
	attributes := map[string]json.RawMessage{}
	for name, raw := range p.Attributes {
		attributes[name] = raw
	}
	if p.WarnOnly {
		attributes["action_policy"] = json.RawMessage(`"warn"`)
	}
	request, err := json.Marshal(map[string]any{"operation": operation, "promise_type": p.Type, "promiser": p.Promiser,
		"filename": p.File, "line_number": p.Line, "log_level": "info", "attributes": attributes})
	if err != nil {
		t.Fatal(err)
	}
	toModule, say := io.Pipe()
	fromModule, answers := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		server := promise.Server{Name: "m", Version: "1", Type: kind}
		ended <- server.Serve(t.Context(), toModule, answers)
		answers.Close()
	}()
	go func() { // to the end, so that the module never waits for us
		_, _ = io.WriteString(say, "cf-agent 3.21.0 v1\n\n"+string(request)+"\n\n"+`{"operation":"terminate"}`+"\n\n")
	}()
	out, err := io.ReadAll(fromModule)
	if err := errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
	said, _, _ := strings.Cut(string(out), `{"operation":"terminate"`)
	return hear(t, said)
}

// hear reads an answer behind the header.
func hear(t testing.TB, out string) heard {
	t.Helper()
	var h heard
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		line := lines.Text()
		if log, ok := strings.CutPrefix(line, "log_"); ok {
			h.logs = append(h.logs, log)
		}
		if strings.HasPrefix(line, "{") {
			var said struct {
				Result  string   `json:"result"`
				Classes []string `json:"result_classes"`
			}
			if err := json.Unmarshal([]byte(line), &said); err != nil {
				t.Fatal(err)
			}
			h.result, h.classes = said.Result, said.Classes
		}
	}
	return h
}

func evaluate(t testing.TB, m *messages, p promise.Promise) heard {
	t.Helper()
	// A run of the agent is a process of its own.
	m.client, m.flights = zmq.NewClient(zmq.ClientOptions{}), newFlights()
	return converse(t, m, "evaluate_promise", p)
}
