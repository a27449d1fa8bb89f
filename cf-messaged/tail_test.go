package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// queued is a site whose queue holds m-1 to m-n, every third of schema role.
func queued(t *testing.T, n int) *site {
	t.Helper()
	s := newSite(t, loopback...)
	var messages []queue.Message
	for i := 1; i <= n; i++ {
		schema := "host"
		if i%3 == 0 {
			schema = "role"
		}
		messages = append(messages, numbered(i, schema))
	}
	messages[0].Frame, messages[0].Sender = s.seal("m-1", `{"uqhost": "www1"}`), string(s.pair.Digest())
	s.fill(messages...)
	return s
}

// ids are the message ids in lines of containers, in their order.
func ids(t *testing.T, out string) string {
	t.Helper()
	var found []string
	for line := range strings.Lines(out) {
		var c map[string]struct {
			MessageID string `json:"message_id"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, body := range c {
			found = append(found, body.MessageID)
		}
	}
	return strings.Join(found, " ")
}

func TestTail(t *testing.T) {
	s := queued(t, 12)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "m-3 m-4 m-5 m-6 m-7 m-8 m-9 m-10 m-11 m-12"},
		{[]string{"-n", "2"}, "m-11 m-12"},
		{[]string{"--lines", "10000"}, "m-1 m-2 m-3 m-4 m-5 m-6 m-7 m-8 m-9 m-10 m-11 m-12"},
		{[]string{"-n", "0"}, ""},
		{[]string{"--schema", "role", "-n", "3"}, "m-6 m-9 m-12"},
		{[]string{"--schema", "nosuch"}, ""},
		{[]string{"--sender", string(s.pair.Digest())}, "m-1"},
		{[]string{"--sender", string(s.pair.Digest()), "--schema", "role"}, ""},
	} {
		out := s.mustCLI(append([]string{"tail"}, c.args...)...)
		if got := ids(t, out); got != c.want {
			t.Errorf("tail %q: %s, want %s", c.args, got, c.want)
		}
	}
	for _, c := range [][]string{
		{"tail", "-n", "-1"}, {"tail", "-n", "10001"}, {"tail", "-n", "x"}, {"tail", "--sender", "MD5=0123456789abcdef0123456789abcdef"}, {"tail", "more"}, {"tail", "--nosuch"},
	} {
		out, err := s.cli(c...)
		wantUsage(t, err)
		if out != "" {
			t.Errorf("%q prints %s", c, out)
		}
	}
}

// The container is printed as received; --json gives the members of DESIGN.md
// section 9 and no others.
func TestTailForms(t *testing.T) {
	s := queued(t, 2)
	out := s.mustCLI("tail")
	if want := `{"host":{"message_id":"m-1","content":{"uqhost": "www1"},"version":"1.0"}}` + "\n"; !strings.HasPrefix(out, want) {
		t.Errorf("%s\nwant %s", out, want)
	}
	lines := strings.Split(s.mustCLI("tail", "--json"), "\n")
	var m map[string]any
	must(t, json.Unmarshal([]byte(lines[0]), &m))
	at, err := time.Parse(time.RFC3339, m["received_at"].(string))
	if err != nil || time.Since(at) > time.Minute || at.Location() != time.UTC {
		t.Errorf("received_at %v, %v", m["received_at"], err)
	}
	delete(m, "received_at")
	want := map[string]any{"position": 1.0, "pattern": "request", "sender": string(s.pair.Digest()), "peer": "192.0.2.7", "schema": "host", "version": "1.0", "message_id": "m-1",
		"container": map[string]any{"host": map[string]any{"message_id": "m-1", "content": map[string]any{"uqhost": "www1"}, "version": "1.0"}}}
	if fmt.Sprint(m) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", m, want)
	}
	if !strings.Contains(lines[1], `"sender":null`) {
		t.Errorf("unsigned: %s", lines[1])
	}
	if len(lines) != 3 || lines[2] != "" {
		t.Errorf("%d lines", len(lines))
	}
}

// A container of several lines becomes one; everything else stays as it is.
func TestOneLine(t *testing.T) {
	for frame, want := range map[string]string{
		"{\"host\": {\n  \"content\": \"a  b\",\r\n\t\"x\": 1.00 }}\n": `{"host":{"content":"a  b","x":1.00}}`,
		`{"host": { "content":"a  b"	}}`:                               `{"host": { "content":"a  b"	}}`,
		`{"host":"<&>\u2028"}`:                                         `{"host":"<&>\u2028"}`,
	} {
		if got := string(oneLine([]byte(frame))); got != want {
			t.Errorf("%q becomes %q, want %q", frame, got, want)
		}
	}
	s := newSite(t, loopback...)
	s.fill(bare("m-1", "host", "{\"host\":{\n\"message_id\":\"m-1\",\n\"content\":[\n1 ],\"version\":\"1.0\"}}"))
	want := `{"host":{"message_id":"m-1","content":[1],"version":"1.0"}}`
	if out := s.mustCLI("tail"); out != want+"\n" {
		t.Errorf("%q", out)
	}
	if out := s.mustCLI("tail", "--json"); !strings.HasSuffix(out, `"container":`+want+"}\n") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q", out)
	}
}

// tail -F prints what is there, then what comes, within bounded time, and an
// end by signal is an ordinary one.
func TestTailFollows(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-n", "1"}, "m-3 m-4 m-5 m-6"},
		{[]string{"--schema", "role"}, "m-3 m-5"},
		{[]string{"--sender", digest}, ""},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			s := queued(t, 3)
			out, stop := s.follow(c.args...)
			if c.want != "" {
				out.await(t, "m-3")
			}
			s.fill(numbered(4, "host"), numbered(5, "role"))
			s.fill(numbered(6, "host"))
			if c.want != "" {
				out.await(t, c.want[strings.LastIndex(c.want, "m-"):])
			}
			stop()
			if got := ids(t, out.String()); got != c.want {
				t.Errorf("printed %s, want %s", got, c.want)
			}
		})
	}
}

// With -n 0 only what is new is printed. When tail has begun cannot be seen,
// so something new comes until it is.
func TestTailFollowsFromNow(t *testing.T) {
	s := queued(t, 3)
	out, stop := s.follow("-n", "0")
	next := 4
	await(t, "new message", func() bool {
		s.fill(numbered(next, "host"))
		next++
		return out.String() != ""
	})
	stop()
	if first := strings.Fields(ids(t, out.String()))[0]; first == "m-1" || first == "m-2" || first == "m-3" {
		t.Errorf("began with %s", first)
	}
}

func numbered(i int, schema string) queue.Message {
	id := fmt.Sprint("m-", i)
	return bare(id, schema, fmt.Sprintf(`{"%s":{"message_id":"%s","content":1,"version":"1.0"}}`, schema, id))
}

// follow runs tail -F; stop ends it as a signal would.
func (s *site) follow(args ...string) (out *logged, stop func()) {
	s.t.Helper()
	out = new(logged)
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	c := command()
	c.SetOut(out)
	c.SetArgs(append([]string{"tail", "-F", "--config", s.config}, args...))
	go func() { ended <- c.ExecuteContext(ctx) }()
	return out, func() {
		s.t.Helper()
		cancel()
		select {
		case err := <-ended:
			must(s.t, err)
		case <-time.After(patience):
			s.t.Fatal("tail does not end")
		}
	}
}

// What the filter passes over is read once, and nothing is missed by that.
func TestTailNext(t *testing.T) {
	s := queued(t, 3)
	r, err := queue.OpenReader(s.state)
	must(t, err)
	defer r.Close()
	tail := tailing{filter: queue.Filter{Schema: "nosuch"}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go s.fill(bare("m-4", "host", "{}"), bare("m-5", "nosuch", "{}"), bare("m-6", "host", "{}"))
	messages, err := tail.next(ctx, r, 0)
	if err != nil || len(messages) != 1 || messages[0].MessageID != "m-5" {
		t.Errorf("%+v, %v", messages, err)
	}
}

// Without a queue it says whose work it is to make one.
func TestNoQueueYet(t *testing.T) {
	s := newSite(t, loopback...)
	for _, args := range [][]string{{"tail"}, {"tail", "-F"}, {"show", "x"}, {"dead", "list"}, {"dead", "show", "1"}} {
		_, err := s.cli(args...)
		wantError(t, err, s.state, "a listener makes it when it first runs")
		if isUsage(err) {
			t.Errorf("%q: a usage error", args)
		}
	}
}

// People's terminals are shown nothing but text; JSON stays JSON.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 日本 \"quoted\" \\":   "plain é 日本 \"quoted\" \\",
		"\x1b[2J\x07\r\n\t\x00":      `\x1b[2J\a\r\n\t\x00`,
		"\u009b2J\u202e\u2028\u200b": `\u009b2J\u202e\u2028\u200b`,
		"\xff\xfe.\U000e0001":        `\xff\xfe.\U000e0001`,
		"":                           "",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
	}
	line := "{\"a\":\t\"\u009b2J\u202e\u007f é\U000e0001\"}\n"
	var out bytes.Buffer
	n, err := escaping{&out}.Write([]byte(line))
	if want := "{\"a\":\t\"\\u009b2J\\u202e\\u007f é\\udb40\\udc01\"}\n"; n != len(line) || err != nil || out.String() != want {
		t.Errorf("%d, %v, %q", n, err, out.String())
	}
	var was, is any
	must(t, json.Unmarshal([]byte(line), &was))
	must(t, json.Unmarshal(out.Bytes(), &is))
	if fmt.Sprint(was) != fmt.Sprint(is) {
		t.Errorf("%q means another thing than %q", out.String(), line)
	}
}
