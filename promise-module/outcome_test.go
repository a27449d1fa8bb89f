package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// fixed is a type whose outcome is known.
type fixed struct{ outcome promise.Outcome }

func (f fixed) Validate(context.Context, promise.Promise) error           { return nil }
func (f fixed) Evaluate(context.Context, promise.Promise) promise.Outcome { return f.outcome }

// Each outcome says what, where and the way out, and policy hears it in classes.
func TestOutcomes(t *testing.T) {
	receipt := func(r message.Receipt) answer {
		return answer{receipt: r, endpoint: "tcp://hub:5309", listener: "SHA=x"}
	}
	for _, c := range []struct {
		what string
		sent sent
		want heard
	}{
		{"stored", sent{id: "m1", answer: receipt(stored), took: 12345 * time.Microsecond},
			heard{[]string{"info=Message who I am sent to tcp://hub:5309, stored in 12.3ms", "verbose=Message id m1"},
				"repaired", []string{"message_who_I_am_sent"}}},
		{"duplicate", sent{id: "m1", answer: receipt(message.Receipt{Status: message.Duplicate})},
			heard{[]string{"info=Message who I am sent to tcp://hub:5309, stored there before in 0s", "verbose=Message id m1"},
				"repaired", []string{"message_who_I_am_sent"}}},
		{"wanted and view", sent{id: "m1", newView: true, answer: receipt(message.Receipt{Status: message.Stored, Wants: []string{"network", "dns"}})},
			heard{[]string{"info=Message who I am sent to tcp://hub:5309, stored in 0s", "verbose=Message id m1", "verbose=View written to /views/x.json"},
				"repaired", []string{"message_who_I_am_sent", "messages_wanted_network", "messages_wanted_dns", "message_who_I_am_view"}}},
		{"plain", sent{id: "m1", answer: answer{plain: true, receipt: stored, endpoint: "tcp://hub:5309"}},
			heard{[]string{"info=Message who I am sent to tcp://hub:5309, answered in 0s", "verbose=Message id m1",
				"verbose=The answer is not proved by a listener's key: name it in to, as key, to have it required"},
				"repaired", []string{"message_who_I_am_sent"}}},
		{"delivered, but", sent{id: "m1", answer: receipt(stored), aside: errors.New("disk full")},
			heard{[]string{"info=Message who I am sent to tcp://hub:5309, stored in 0s", "verbose=Message id m1", "error=Message who I am was delivered, but disk full"},
				"repaired", []string{"message_who_I_am_sent"}}},
		{"refused", sent{id: "m1", answer: receipt(message.Receipt{Status: message.Refused, Code: message.InvalidContent, Reason: "/cpus: expected a number"})},
			heard{[]string{"error=Message who I am (m1) refused by tcp://hub:5309: invalid_content: /cpus: expected a number"},
				"not_kept", []string{"message_who_I_am_refused"}}},
		{"refused without a reason", sent{id: "m1", answer: receipt(message.Receipt{Status: message.Refused, Code: message.UnknownSender})},
			heard{[]string{"error=Message who I am (m1) refused by tcp://hub:5309: unknown_sender: " + unspoken[message.UnknownSender]},
				"not_kept", []string{"message_who_I_am_refused"}}},
		{"not delivered", sent{id: "m1", err: errors.New("tcp://hub:5309: nobody listens there")},
			heard{[]string{"error=Message who I am not delivered: tcp://hub:5309: nobody listens there. Nothing waits on this host: the next run sends it anew"},
				"not_kept", nil}},
	} {
		j := job{promiser: "who I am", attributes: attributes{replyFile: "/views/x.json"}}
		got := converse(t, fixed{j.outcome(c.sent)}, "evaluate_promise", aPromise(nil))
		if got.String() != c.want.String() {
			t.Errorf("%s: the agent hears\n %s\nnot\n %s", c.what, got, c.want)
		}
	}
}

func TestClassesOfLongPromisersStayApart(t *testing.T) {
	j := job{promiser: strings.Repeat("x", 5000)}
	for _, state := range []string{"kept", "sent", "refused", "view"} {
		if class := j.class(state); len(class) > 1023 || !strings.HasSuffix(class, "_"+state) {
			t.Errorf("%s: a class of %d bytes, %s", state, len(class), class[len(class)-20:])
		}
	}
}
