package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// maxPromiserInClass leaves room for what stands around it: cf-agent takes
// classes of 1023 bytes.
const maxPromiserInClass = 1000

// class names a result class of this promise (DESIGN.md section 7).
func (j job) class(state string) string {
	name := promise.Canonify(j.promiser)
	return "message_" + name[:min(len(name), maxPromiserInClass)] + "_" + state
}

// outcome says to the agent, and in classes to policy, what became of a
// message.
func (j job) outcome(s sent) promise.Outcome {
	switch {
	case s.held:
		return promise.Kept().WithClasses(j.class("kept")).With(promise.Verbose(fmt.Sprintf("Message %s: another agent of this host delivered it", j.promiser)))
	case s.err != nil:
		return j.failed(s)
	case s.queued:
		return promise.Repaired(fmt.Sprintf("Message %s on its way to %s: its receipt is awaited while the run goes on, and in the next one",
			j.promiser, strings.Join(j.endpoints(), " or "))).WithClasses(j.class("queued"))
	case s.answer.receipt.Status == message.Refused:
		return promise.NotKept(fmt.Sprintf("Message %s (%s) refused by %s: %s",
			j.promiser, s.id, s.answer.endpoint, s.answer.refusal())).WithClasses(j.class("refused"))
	}
	return j.delivered(s)
}

// failed says why a message is not delivered, and what becomes of it.
func (j job) failed(s sent) promise.Outcome {
	text := fmt.Sprintf("Message %s not delivered: %v", j.promiser, s.err)
	if s.done > 0 {
		text = fmt.Sprintf("Message %s: %d of %d were handed over, then: %v", j.promiser, s.done, s.of, s.err)
	}
	switch {
	case s.waits == 1:
		return promise.NotKept(text + ". It waits in the outbox").WithClasses(j.class("queued"))
	case s.waits > 1:
		return promise.NotKept(fmt.Sprintf("%s. %d wait in the outbox", text, s.waits)).WithClasses(j.class("queued"))
	case s.unkept != nil && !errors.Is(s.unkept, errNoOutbox):
		text += fmt.Sprintf("; and %v", s.unkept)
	}
	return promise.NotKept(text + ". Nothing waits on this host: the next run sends it anew")
}

func (j job) delivered(s sent) promise.Outcome {
	text := fmt.Sprintf("Message %s sent to %s, %s in %s", j.promiser, j.where(s), s.answer.standing(), s.took.Round(time.Millisecond/10))
	o := promise.Repaired(text).WithClasses(j.class("sent")).With(promise.Verbose("Message id " + s.id))
	for _, schema := range s.answer.receipt.Wants {
		o = o.WithClasses("messages_wanted_" + promise.Canonify(schema))
	}
	if s.answer.listener == "" && !s.answer.silent && !s.answer.curve {
		o = o.With(promise.Verbose("The answer is not proved by a listener's key: name it in to, as key, to have it required"))
	}
	if s.newView {
		o = o.WithClasses(j.class("view")).With(promise.Verbose("View written to " + j.replyFile))
	}
	if s.aside != nil {
		o = o.With(promise.Error(fmt.Sprintf("Message %s was delivered, but %v", j.promiser, s.aside)))
	}
	return o
}

// where names what was reached: push gives each of its endpoints a turn.
func (j job) where(s sent) string {
	switch {
	case j.split:
		return fmt.Sprintf("%s (%d messages)", strings.Join(j.endpoints(), ", "), s.done)
	case j.pattern == patternPush:
		return strings.Join(j.endpoints(), " or ")
	case j.pattern == patternPublish:
		return fmt.Sprintf("%s (topic %s)", s.answer.endpoint, j.topic)
	}
	return s.answer.endpoint
}

// keptText says what is known of content that need not be sent.
func (j job) keptText() string {
	if j.silent() {
		return "this content is handed over (whether it arrived, pattern " + j.pattern + " does not tell)"
	}
	return "the listener holds this content"
}

// standing says what the answer means: on disk, there before, or only that a
// plain program answered.
func (a answer) standing() string {
	switch {
	case a.silent:
		return "handed over"
	case a.plain:
		return "answered"
	case a.receipt.Status == message.Duplicate:
		return "stored there before"
	}
	return "stored"
}
