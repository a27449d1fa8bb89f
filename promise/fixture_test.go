package promise

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// script is the promise type of these tests: the attribute do says how it goes, and
// the texts of the others go into the answer.
type script struct{}

func (script) Validate(_ context.Context, p Promise) error {
	do, err := p.Text("do", "keep")
	if do == "panic in validate" {
		panic("boom\nwith a second line")
	}
	refusal, badRefusal := p.Text("refuse", "")
	if badRefusal == nil && refusal != "" {
		badRefusal = errors.New(refusal)
	}
	return errors.Join(err, badRefusal, UnknownAttributes(p, "do", "say", "value", "set", "refuse"))
}

func (script) Evaluate(ctx context.Context, p Promise) Outcome {
	do, _ := p.Text("do", "keep")
	say, _ := p.Text("say", "")
	classes, _ := p.List("set", nil)
	if do == "wait" {
		return waited(ctx, p)
	}
	if do == "measure" {
		return Repaired(p.Promiser + ": " + measured(p))
	}
	return scripted(do, say).WithClasses(classes...).With(Verbose(measured(p)))
}

func scripted(do, say string) Outcome {
	switch do {
	case "repair":
		return Repaired(say)
	case "fail":
		return NotKept(say)
	case "warn":
		return Warned(say)
	case "panic":
		panic(say)
	case "nothing":
		return Outcome{}
	case "loud":
		return Kept().With(Error(say), Warning(say), Notice(say), Info(say), Debug(say))
	}
	return Kept()
}

// waited makes the file that the promiser names, and writes into it why it stopped.
func waited(ctx context.Context, p Promise) Outcome {
	if err := os.WriteFile(p.Promiser, nil, 0o600); err != nil {
		return NotKept(err.Error())
	}
	<-ctx.Done()
	_ = os.WriteFile(p.Promiser, []byte(context.Cause(ctx).Error()), 0o600)
	return NotKept("stopped")
}

// measured tells what arrived as the attribute value.
func measured(p Promise) string {
	raw := p.Attributes["value"]
	if text, ok := asText(raw); ok {
		return fmt.Sprintf("value is text, %d bytes, SHA-256 %x", len(text), sha256.Sum256([]byte(text)))
	}
	return fmt.Sprintf("value is %s", shorten(string(raw), 2000))
}

func (script) Terminate(context.Context) []Log { return []Log{Verbose("script: that was all")} }

// TestMain makes the test binary the promise module of the real-agent tests.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("PROMISE_TEST_MODULE") == "":
		os.Exit(m.Run())
	case filepath.Base(os.Args[0]) == "failing_at_start":
		os.Exit(1)
	}
	s := Server{Name: "script_promise_module", Version: "0.0.1", Type: script{}}
	if err := s.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// heard is an answer as cf-agent takes it.
type heard struct {
	Operation string
	Promiser  string
	Result    string
	Classes   []string `json:"result_classes"`
	counts    map[string]uint16
	lines     []string
}

// hear reads one answer as PromiseModule_Receive of mod_custom.c does, and returns
// what follows it. It is stricter where an agent would crash, misread or guess.
func hear(out []byte) (heard, []byte, error) {
	h := heard{counts: map[string]uint16{}}
	end := bytes.Index(out, []byte("\n\n"))
	if end < 0 {
		return h, nil, errors.New("no empty line ends the answer")
	}
	lines := strings.Split(string(out[:end]), "\n")
	for i, line := range lines {
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\r\x1b") {
			return h, nil, fmt.Errorf("line %q holds what it should not", line)
		}
		if i == len(lines)-1 {
			return h, out[end+2:], h.hearJSON(line)
		}
		if err := h.hearLog(line); err != nil {
			return h, nil, err
		}
	}
	return h, nil, errors.New("an empty answer")
}

func (h *heard) hearLog(line string) error {
	level, text, ok := strings.Cut(strings.TrimPrefix(line, "log_"), "=")
	switch {
	case !ok || !strings.HasPrefix(line, "log_"):
		return fmt.Errorf("line %q is no log line", line)
	case text == "":
		return fmt.Errorf("line %q is blank", line)
	}
	switch level {
	case "critical", "error", "warning", "notice", "info", "verbose", "debug":
		h.counts[level]++
		h.lines = append(h.lines, line)
		return nil
	}
	return fmt.Errorf("line %q: cf-agent exits on this level", line)
}

func (h *heard) hearJSON(line string) error {
	if line == "" || line[0] != '{' || strings.Contains(strings.ReplaceAll(line, `\\`, ""), `\u`) {
		return fmt.Errorf("%q is not an object without \\u escapes", line)
	}
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(h); err != nil {
		return err
	}
	for _, class := range h.Classes {
		if class == "" || len(class) > maxClassName || Canonify(class) != class {
			return fmt.Errorf("%q is no class name", class)
		}
	}
	if strings.Contains(line, "result_classes") && len(h.Classes) == 0 {
		return errors.New("result_classes is empty")
	}
	return nil
}

// bug returns what the agent would report as a bug in the module, as the checks of
// PromiseModule_Validate and PromiseModule_Evaluate do, and ours for kept.
func (h *heard) bug(warnOnly bool) error {
	failures := h.counts["error"] + h.counts["critical"]
	loud := failures + h.counts["warning"] + h.counts["notice"] + h.counts["info"]
	switch {
	case (h.Result == "invalid" || h.Result == "error") && failures == 0:
		return errors.New("no errors logged")
	case warnOnly && h.counts["info"] > 0:
		return errors.New("info lines while changes are disabled")
	case warnOnly && h.Result == "repaired":
		return errors.New("repaired while changes are disabled")
	case h.Result == "repaired" && h.counts["info"] == 0:
		return errors.New("failed to log about changes")
	case h.Result == "not_kept" && !warnOnly && failures == 0:
		return errors.New("failed to log errors")
	case h.Result == "not_kept" && failures+h.counts["warning"] == 0:
		return errors.New("failed to log warnings")
	case h.Result == "kept" && loud > 0:
		return errors.New("a kept promise is loud")
	}
	return nil
}

// serve runs a whole conversation and returns what the module said.
func serve(tb testing.TB, s Server, agent string) (string, error) {
	tb.Helper()
	if s.Name == "" {
		s.Name, s.Version = "script_promise_module", "0.0.1"
	}
	if s.Type == nil {
		s.Type = script{}
	}
	var out bytes.Buffer
	err := s.Serve(tb.Context(), strings.NewReader(agent), &out)
	return out.String(), err
}
