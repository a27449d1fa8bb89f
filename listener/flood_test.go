package listener_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// Rubbish may hold only a share of the queue: what is right is stored beside it.
func TestStrangersShare(t *testing.T) {
	s := open(t, queue.Options{}, nil)
	release := s.hold()
	rubbish := bytes.Repeat([]byte("x"), 1<<20)
	var answers []<-chan []byte
	for range 100 { // 100 MiB; the queue has 64 in all
		answers = append(answers, s.submit(rubbish))
	}
	good := s.submit(fromNode(host("m-1")))
	small := s.submit([]byte("after the others"))
	s.await(func() bool { return s.Counts().Refused()[message.Malformed] == 101 && s.queue.Stats().Waiting > 10 })
	release()
	if a := s.wait(good); a.Status != message.Stored {
		t.Errorf("among rubbish: %+v", a.Receipt)
	}
	for _, c := range append(answers, small) {
		if a := s.wait(c); a.Code != message.Malformed {
			t.Fatalf("rubbish: %+v", a.Receipt)
		}
	}
	before := s.Counts().Unburied.Load()
	for range 20 {
		s.ask(rubbish)
	}
	if n := s.Counts().Unburied.Load() - before; n != 0 {
		t.Errorf("%d not kept although there is room again", n)
	}
	s.close()
	kept, unburied := len(s.dead()), s.Counts().Unburied.Load()
	if kept < 30 || kept > 40 || int64(kept)+unburied != 121 {
		t.Errorf("%d kept and %d not, of 121", kept, unburied)
	}
	s.log.has(t, "dead letter not kept", "not proved")
}

// A flood does not fill the log: lines are counted instead, and told later.
func TestFloodIsLoggedInPart(t *testing.T) {
	s := start(t, nil)
	var answers []<-chan []byte
	for range 1000 {
		answers = append(answers, s.submit([]byte("rubbish")))
	}
	for _, c := range answers {
		s.wait(c)
	}
	if n := len(s.log.lines()); n != 100 {
		t.Errorf("%d lines at the same second, want 100", n)
	}
	if n := s.Counts().Refused()[message.Malformed]; n != 1000 || len(s.dead()) != 1000 {
		t.Errorf("%d counted, %d dead letters", n, len(s.dead()))
	}
	s.clock.advance(time.Second)
	s.ask([]byte("rubbish"))
	s.log.has(t, `"lines_left_out":900`)
}

// hostile are frames that would write where they should not.
var hostile = []string{
	"\x1b[2J\x1b]0;title\x07", "\n level=INFO msg=ready\n", "a.\x1b[31m.c", "{\"\x1b[2J\":1}",
	"{\"\u009b2J\":{}}", "{\"\u202ehost\":{\"message_id\":\"\u2028\"}}", `{"host":{"message_id":"\u001b[2J","content":1,"version":"1.0"}}`,
	`{"host":{"message_id":"a","content":{"uqhost":"` + strings.Repeat("\u202e", 500) + `","` + "\u0085\u007f" + `":1},"version":"1.0"}}`,
	`{"` + strings.Repeat("a", 100_000) + `":1}`, `{"host":{"` + strings.Repeat(`\u001b`, 1000) + `":1}}`,
	"{\"host\":{\"message_id\":\"a\x00\"}}", "", ".", "..", "....", "\xff\xfe.\xff.\xff",
}

// Nothing that comes from the wire breaks a line, steers a terminal, or makes
// a line or a reason long.
func FuzzJudge(f *testing.F) {
	for _, frame := range hostile {
		f.Add([]byte(frame), true)
		f.Add([]byte(frame), false)
	}
	f.Add(fromNode(container("host", "m-1", "1.0", "{\"\u009b\\u001b\":\"\u202e\"}")), false)
	f.Add(fromNode([]byte(hostile[3])), false)
	s := start(f, func(o *listener.Options) {
		o.Rules = rules(f, map[string]listener.Feed{"host": {Trusted: true, Unsigned: true}})
	})
	f.Fuzz(func(t *testing.T, payload []byte, proved bool) {
		frame := payload
		if proved {
			frame = fromNode(payload)
		}
		s.clock.advance(time.Second) // each may write its line
		s.log.forget()
		one := *s
		one.t = t
		a := one.ask(frame)
		if a.Status != message.Refused {
			return
		}
		checkText(t, "reason told", a.Reason)
		lines := s.log.lines()
		var fields struct{ Reason string }
		if err := json.Unmarshal([]byte(lines[0]), &fields); err != nil || len(lines) != 1 {
			t.Fatalf("logged %q", lines)
		}
		checkText(t, "reason logged", fields.Reason)
	})
}

func checkText(t *testing.T, what, text string) {
	t.Helper()
	if len(text) > 4096 {
		t.Errorf("%s: %d bytes", what, len(text))
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s: at %d not printable: %s", what, i, fmt.Sprintf("%.300q", text))
	}
}
