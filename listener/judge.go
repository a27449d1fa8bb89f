package listener

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// handle takes one frame the whole way up to the queue. Its answer follows
// from there, after the commit.
func (l *Listener) handle(in Incoming) {
	if !l.addressMay(in) {
		l.overLimit(in, message.Opened{}, "")
		return
	}
	opened, err := l.judge(in)
	var much over
	switch {
	case errors.As(err, &much):
		l.overLimit(in, opened, much.Error())
	case err != nil:
		l.refuse(in, opened, err)
	default:
		l.store(in, opened)
	}
}

// judge opens a frame and decides whether it may be stored. What it returns
// beside an error is what had been proved by then.
//
// Whatever a sender may find that makes a library panic costs that one
// message, not the listener.
func (l *Listener) judge(in Incoming) (opened message.Opened, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			l.journal.write(slog.LevelError, "panic while a message was judged, please report it",
				"panic", err, "peer", in.Peer, "stack", string(debug.Stack()))
		}
	}()
	rules := l.rules.Load()
	opened, err = l.open(in, rules)
	if err = l.charge(in, opened, err); err != nil {
		return opened, err
	}
	if err = l.may(in, rules, opened); err != nil {
		l.repay(in, opened) // what is refused can be said again by whoever heard it
	}
	return opened, err
}

// may decides whether what was opened may be said here.
func (l *Listener) may(in Incoming, rules *Rules, opened message.Opened) error {
	schema, err := admit(rules, opened)
	if err == nil {
		err = mayBeCalled(l.trust.Names(), schema, opened)
	}
	if err != nil {
		return err
	}
	if in.May != nil {
		if err := in.May(opened); err != nil {
			return err
		}
	}
	return validate(schema, opened.Container)
}

// open finds out who says what.
func (l *Listener) open(in Incoming, rules *Rules) (message.Opened, error) {
	if in.Fault != "" {
		return message.Opened{}, &message.Refusal{Code: message.Malformed, Reason: in.Fault}
	}
	if message.IsBare(in.Frame) && len(in.Frame) <= l.limits.Size && !anyUnsigned(rules.Feeds) {
		return message.Opened{}, unsigned("no feed takes bare containers")
	}
	return l.opener.OpenAny(in.Frame)
}

// validate checks the content. An error that is no refusal is the schema's own.
func validate(s *schemas.Schema, c message.Container) error {
	err := s.Validate(c.Content)
	var invalid *schemas.Invalid
	if errors.As(err, &invalid) {
		return &message.Refusal{Code: message.InvalidContent, Reason: err.Error()}
	}
	return err
}
