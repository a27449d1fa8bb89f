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
	opened, err := l.judge(in)
	if err != nil {
		l.refuse(in, opened, err)
		return
	}
	l.store(in, opened)
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
	if in.Fault != "" {
		return opened, &message.Refusal{Code: message.Malformed, Reason: in.Fault}
	}
	rules := l.rules.Load()
	if message.IsBare(in.Frame) && len(in.Frame) <= l.limits.Size && !anyUnsigned(rules.Feeds) {
		return opened, unsigned("no feed takes bare containers")
	}
	if opened, err = l.opener.OpenAny(in.Frame); err != nil {
		return opened, err
	}
	schema, err := admit(rules, opened)
	if err != nil {
		return opened, err
	}
	if in.May != nil {
		if err := in.May(opened); err != nil {
			return opened, err
		}
	}
	return opened, validate(schema, opened.Container)
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
