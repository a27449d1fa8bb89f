package promise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const (
	greeting = "cf-agent 3.21.0 v1\n\n"
	reply    = "script_promise_module 0.0.1 v1 json_based action_policy\n\n"
	goodbye  = `{"operation":"terminate"}` + "\n\n"
	farewell = "log_verbose=script: that was all\n" + `{"operation":"terminate","result":"success"}` + "\n\n"
)

// ask is a request for the type script, with attributes as JSON members.
func ask(operation, attributes string) string {
	return `{"attributes":{` + attributes + `},"filename":"p.cf","line_number":7,"log_level":"info","operation":"` + operation +
		`","promise_type":"scripts","promiser":"x"}` + "\n\n"
}

func TestServeEnds(t *testing.T) {
	kept := "log_verbose=value is\n" + `{"operation":"evaluate_promise","promiser":"x","result":"kept"}` + "\n\n"
	for _, test := range []struct{ name, agent, module, err string }{
		{"at terminate", greeting + goodbye, reply + farewell, ""},
		{"at terminate, whatever follows", greeting + goodbye + ask(opEvaluate, ""), reply + farewell, ""},
		{"at the end of input", greeting + ask(opEvaluate, ""), reply + kept, ""},
		{"at once", greeting, reply, ""},
		{"within a request", greeting + `{"operation":`, reply, "promise: reading from cf-agent: unexpected EOF"},
		{"before the header", "", "", "promise: the input ended before cf-agent's header: this program is a promise module, to be started by cf-agent"},
		{"within the header", "cf-agent 3", "", "promise: reading from cf-agent: unexpected EOF"},
		{"with another's header", "hello\n\n", "", `promise: expected cf-agent's header, got "hello": this program is a promise module, to be started by cf-agent`},
		{"with a header of two lines", "cf-agent 3.21.0 v1\nmore\n\n", "", "promise: expected cf-agent's header: cannot read the agent's request: it is not one line"},
		{"with a newer protocol", "cf-agent 4.0.0 v2\n\n", "", `promise: cf-agent 4.0.0 speaks version "v2" of the promise protocol, this module only v1: install a newer module`},
		{"a header may say more", "cf-agent 3.99.0 v1 more\n\n" + goodbye, reply + farewell, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := serve(t, Server{}, test.agent)
			if out != test.module || err == nil != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("said %q, %v\nwant %q, %s", out, err, test.module, test.err)
			}
		})
	}
}

func TestServeChecksItself(t *testing.T) {
	for _, s := range []Server{
		{Name: "m", Version: "1"},
		{Version: "1", Type: script{}},
		{Name: "two words", Version: "1", Type: script{}},
		{Name: "m", Version: "1\n", Type: script{}},
		{Name: "mödul", Version: "1", Type: script{}},
	} {
		var out bytes.Buffer
		if err := s.Serve(t.Context(), strings.NewReader(greeting), &out); err == nil || out.Len() > 0 {
			t.Errorf("%+v: said %q, %v", s, &out, err)
		}
	}
}

func TestMaxLine(t *testing.T) {
	long := ask(opValidate, `"value":"`+strings.Repeat("x", 5000)+`"`)
	out, err := serve(t, Server{MaxLine: 5000}, greeting+long+ask(opValidate, "")+goodbye)
	want := reply + "log_error=a request of this promise is longer than the 5000 bytes that this module takes: make its attributes smaller\n" +
		`{"result":"error"}` + "\n\n" + `{"operation":"validate_promise","promiser":"x","result":"valid"}` + "\n\n" + farewell
	if out != want || err != nil {
		t.Errorf("said %q, %v", out, err)
	}
}

// A panic costs one promise, not the process: the agent hears of it, and where to look.
func TestPanic(t *testing.T) {
	out, err := serve(t, Server{}, greeting+ask(opValidate, `"do":"panic in validate"`)+ask(opEvaluate, `"do":"panic","say":"\u00c3\u00a9 boom"`)+
		ask(opEvaluate, `"do":"panic","action_policy":"warn"`)+ask(opEvaluate, "")+goodbye)
	if err != nil {
		t.Fatal(err)
	}
	answers := []byte(strings.TrimPrefix(out, reply))
	for _, critical := range []string{
		"log_critical=A bug in the module: panic in validate_promise of scripts promise 'x' (p.cf:7): boom",
		"log_critical=A bug in the module: panic in evaluate_promise of scripts promise 'x' (p.cf:7): é boom",
		"log_critical=A bug in the module: panic in evaluate_promise of scripts promise 'x' (p.cf:7): ",
	} {
		var h heard
		if h, answers, err = hear(answers); err != nil {
			t.Fatal(err)
		}
		if h.Result != "error" || h.lines[0] != strings.TrimRight(critical, " ") || h.counts["debug"] < 5 {
			t.Errorf("heard %s, %q", h.Result, h.lines)
		}
	}
	if !strings.HasSuffix(string(answers), farewell) || strings.Count(string(answers), `"kept"`) != 1 {
		t.Errorf("after the panics: %q", answers)
	}
}

// odd is a type whose errors and last words are out of the ordinary.
type odd struct{}

func (odd) Validate(context.Context, Promise) error          { return (*nilError)(nil) }
func (odd) Evaluate(context.Context, Promise) (none Outcome) { return none }
func (odd) Terminate(context.Context) []Log                  { panic("at the end") }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestOddTypes(t *testing.T) {
	out, err := serve(t, Server{Type: odd{}}, greeting+ask(opValidate, "")+ask(opEvaluate, "")+goodbye)
	if err != nil {
		t.Fatal(err)
	}
	answers := []byte(strings.TrimPrefix(out, reply))
	for len(answers) > 0 {
		var h heard
		if h, answers, err = hear(answers); err != nil || h.Result != "error" || h.counts["critical"] == 0 {
			t.Errorf("heard %v, %v", h, err)
		}
	}
	blank, _ := serve(t, Server{Type: blankRefusal{}}, greeting+ask(opValidate, ""))
	if !strings.Contains(blank, "log_error=Invalid (the module does not say why) (p.cf:7)\n") {
		t.Errorf("a blank refusal: %q", blank)
	}
}

type blankRefusal struct{ script }

func (blankRefusal) Validate(context.Context, Promise) error { return errors.New(" \n") }

// patient is a type that evaluates until its context ends, and tells why it did.
type patient struct {
	script
	started chan struct{}
}

func (p patient) Evaluate(ctx context.Context, _ Promise) Outcome {
	close(p.started)
	<-ctx.Done()
	return NotKept(fmt.Sprint(context.Cause(ctx)))
}

// An agent that is killed in evaluate leaves only the end of input behind.
func TestAgentGoneDuringEvaluate(t *testing.T) {
	in, agent := io.Pipe()
	s := Server{Name: "m", Version: "1", Type: patient{started: make(chan struct{})}}
	go func() {
		_, _ = io.WriteString(agent, greeting+ask(opEvaluate, ""))
		<-s.Type.(patient).started
		_ = agent.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := s.Serve(ctx, in, &out); err != nil || !strings.Contains(out.String(), "log_error="+ErrAgentGone.Error()+"\n") {
		t.Errorf("said %q, %v", &out, err)
	}
}

// After terminate nothing is read, so that Serve can wait for its reader.
func TestTerminateIsTheEnd(t *testing.T) {
	further := readerFunc(func([]byte) (int, error) {
		t.Error("the input is read after terminate")
		return 0, io.EOF
	})
	s := Server{Name: "m", Version: "1", Type: script{}}
	if err := s.Serve(t.Context(), io.MultiReader(strings.NewReader(greeting+goodbye), further), io.Discard); err != nil {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// What is piped in all at once is not taken for an agent that is gone.
func TestReadingAheadIsNoEnd(t *testing.T) {
	out, err := serve(t, Server{Type: hasty{}}, greeting+strings.Repeat(ask(opEvaluate, ""), 20)+goodbye)
	if strings.Count(out, `"kept"`) != 20 || err != nil {
		t.Errorf("said %q, %v", out, err)
	}
}

type hasty struct{ script }

func (hasty) Evaluate(ctx context.Context, _ Promise) Outcome {
	if ctx.Err() != nil {
		return NotKept(ctx.Err().Error())
	}
	return Kept()
}

// The end of Serve's context ends a running evaluate, which is still answered, and
// then Serve. The read under way is interrupted where that can be done.
func TestContextEnds(t *testing.T) {
	in, agent, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer agent.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	s := Server{Name: "m", Version: "1", Type: patient{started: make(chan struct{})}}
	go func() {
		_, _ = io.WriteString(agent, greeting+ask(opEvaluate, ""))
		<-s.Type.(patient).started
		cancel(errors.New("told to stop"))
	}()
	var out bytes.Buffer
	if err := s.Serve(ctx, in, &out); fmt.Sprint(err) != "promise: told to stop" || !strings.Contains(out.String(), "log_error=told to stop\n") {
		t.Errorf("said %q, %v", &out, err)
	}
	_, _ = io.WriteString(agent, "x")
	if n, err := in.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("somebody still reads from the input, or its deadline stands: %d, %v", n, err)
	}
}

// A Read that nothing can interrupt is left behind, and ends when it returns.
func TestReaderLeftBehind(t *testing.T) {
	in, agent := io.Pipe()
	r := newReader(in, 100, func() {})
	r.readOn()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.next(ctx); err != context.Canceled {
		t.Error(err)
	}
	r.stop()
	_ = agent.Close()
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		t.Error("the reading goroutine stays after its Read returned")
	}
}

func TestReaderAndWriterFail(t *testing.T) {
	broken := errors.New("broken")
	s := Server{Name: "m", Version: "1", Type: script{}}
	err := s.Serve(t.Context(), io.MultiReader(strings.NewReader(greeting), iotest.ErrReader(broken)), io.Discard)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	out, closed := io.Pipe()
	_ = out.CloseWithError(broken)
	if err = s.Serve(t.Context(), strings.NewReader(greeting+goodbye), closed); !errors.Is(err, broken) {
		t.Error(err)
	}
}
