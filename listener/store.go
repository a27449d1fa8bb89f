package listener

import (
	"errors"
	"log/slog"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// store queues a message and answers once it is on disk. The receipt that
// says so is sealed before the commit, so that sealing shares the processors;
// any other is sealed apart from the committer, for which all others wait.
//
// Encryption is for the way: what is queued is the signed envelope, the very
// bytes that its sender signed. It proves its sender wherever it is read or
// forwarded to, and the log stays readable after the host's key was replaced.
// That it came encrypted is kept too: it must not leave this host in the clear.
func (l *Listener) store(in Incoming, o message.Opened) {
	if l.room.isLow(len(o.Envelope)) {
		l.busy(in, o, errDiskLow)
		return
	}
	var receipt []byte
	replies := l.replies(in, o)
	if !replies {
		receipt = l.seal(in, o, message.Receipt{Status: message.Stored})
	}
	m := queue.Message{
		Pattern: in.Pattern, Sender: string(o.Sender), Peer: in.Peer,
		Schema: o.Container.Schema, Version: o.Container.Version, MessageID: o.Container.MessageID,
		IssuedAt: o.Header.Iat, Seq: o.Header.Seq, Encrypted: o.Encrypted, Frame: o.Envelope,
	}
	l.owed.Add(1)
	err := l.queue.Put(m, func(s queue.Stored) {
		if s.Err != nil || s.Duplicate {
			go l.notNew(in, o, s)
			return
		}
		l.counts.Stored.Add(1)
		if replies {
			go l.answerFully(in, o, s.Position, message.Stored)
		} else {
			in.answer(receipt)
			l.owed.Done()
		}
		l.stored(o.Container.Schema) // what follows from it does not go before the answer
	})
	if err != nil {
		l.owed.Done()
		l.busy(in, o, err)
	}
}

// notNew answers what was put and adds nothing to the queue.
func (l *Listener) notNew(in Incoming, o message.Opened, s queue.Stored) {
	defer l.owed.Done()
	if s.Err != nil {
		l.busy(in, o, s.Err)
		return
	}
	l.counts.Duplicate.Add(1)
	l.repay(in, o)
	if l.replies(in, o) {
		l.owed.Add(1)
		l.answerFully(in, o, s.Position, message.Duplicate)
		return
	}
	in.answer(l.seal(in, o, message.Receipt{Status: message.Duplicate}))
}

// busy says that the message may come again: it was right, and could not be
// put on disk. It is no dead letter, because nothing about it was refused.
func (l *Listener) busy(in Incoming, o message.Opened, err error) {
	l.counts.refused[message.Busy].Add(1)
	if !errors.Is(err, errDiskLow) { // that is told once for all
		l.journal.write(slog.LevelError, "message not stored, its sender is told to send it again",
			"error", err, "peer", in.Peer, "sender", o.Sender, "message_id", o.Container.MessageID)
	}
	reason := "the listener cannot put it on disk at the moment; send it again later"
	switch {
	case errors.Is(err, queue.ErrFull):
		reason = "the listener has more messages than its disk takes at the moment; send it again later"
	case errors.Is(err, errDiskLow):
		reason = "the listener's disk is nearly full; send it again later"
	}
	in.answer(l.seal(in, o, message.Receipt{
		Status: message.Refused, Code: message.Busy, Reason: l.told(o, reason),
	}))
}
