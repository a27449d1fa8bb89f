package promise

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzServe lets an agent say anything: Serve never panics and gives one well-formed
// answer to each message, no more.
func FuzzServe(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.agent")
	for _, file := range files {
		agent, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, requests, _ := bytes.Cut(agent, []byte("\n\n"))
		f.Add(requests)
		for request := range bytes.SplitSeq(requests, []byte("\n\n")) {
			f.Add(append(request, "\n\n"...))
		}
	}
	f.Fuzz(func(t *testing.T, requests []byte) {
		out, err := serve(t, Server{MaxLine: 4096}, greeting+string(requests))
		answers, ok := bytes.CutPrefix([]byte(out), []byte(reply))
		if !ok {
			t.Fatalf("said %q, %v", out, err)
		}
		for _, request := range messages(requests) {
			var h heard
			if h, answers, err = hear(answers); err != nil {
				t.Fatalf("to %q: %v", request, err)
			}
			q := parseRequest(frame{line: request})
			if err := h.bug(q.promise.WarnOnly); err != nil && h.Operation != "" {
				t.Fatalf("to %q: %v", request, err)
			}
			if h.Operation == opTerminate {
				break
			}
		}
		if len(answers) > 0 {
			t.Fatalf("unasked answers %q", answers)
		}
	})
}

// messages cuts what the agent says a second way: a message ends where an empty line
// follows it; at the end of input a whole line is enough.
func messages(said []byte) [][]byte {
	var all [][]byte
	var lines [][]byte
	for line := range bytes.Lines(said) {
		text, whole := bytes.CutSuffix(line, []byte("\n"))
		switch {
		case !whole:
			return all
		case len(text) > 0:
			lines = append(lines, text)
		case len(lines) > 0:
			all, lines = append(all, bytes.Join(lines, []byte("\n"))), nil
		}
	}
	if len(lines) > 0 {
		all = append(all, bytes.Join(lines, []byte("\n")))
	}
	return all
}
