package listener

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// refuse counts and tells a refused message, keeps it as a dead letter and
// answers its sender. The message with which a host asks to be trusted is none:
// its key is kept in its stead, and the answer is the same.
func (l *Listener) refuse(in Incoming, o message.Opened, err error) {
	r := refusal(err)
	if l.enrols(in, o, r) {
		in.answer(l.seal(in, o, message.Receipt{Status: message.Refused, Code: r.Code}))
		return
	}
	l.counts.refused[r.Code].Add(1)
	l.journal.write(slog.LevelWarn, "message refused", "code", r.Code, "reason", known(r),
		"peer", in.Peer, "sender", o.Sender, "message_id", o.Container.MessageID, "size", len(in.Frame))
	receipt := l.seal(in, o, message.Receipt{
		Status: message.Refused, Code: r.Code, Reason: l.told(o, r.Reason),
	})
	l.owed.Add(1)
	l.bury(in, o, r, func() {
		defer l.owed.Done()
		in.answer(receipt)
	})
}

// errStrangers is why a stranger's message is not kept.
var errStrangers = errors.New("more of them come from senders that are not proved than the disk shall take")

// bury keeps a refused message and calls done when that is over. What is too
// large is not kept, and of what comes from strangers no more than
// strangersShare: either would let anybody fill or hold up the disk.
func (l *Listener) bury(in Incoming, o message.Opened, r *message.Refusal, done func()) {
	if r.Code == message.TooLarge {
		done()
		return
	}
	if l.room.isLow(len(in.Frame)) {
		l.unburied(in, r, errDiskLow)
		done()
		return
	}
	var held int64
	if o.Sender == "" {
		held = int64(len(in.Frame) + letterCost)
	}
	if !l.strangers.take(held) {
		l.unburied(in, r, errStrangers)
		done()
		return
	}
	ended := func(err error) {
		l.strangers.give(held)
		if err != nil {
			l.unburied(in, r, err)
		}
		done()
	}
	err := l.queue.Bury(queue.DeadLetter{
		Pattern: in.Pattern, Peer: in.Peer, Sender: string(o.Sender),
		Code: string(r.Code), Reason: known(r), Size: len(in.Frame), Frame: in.Frame,
	}, ended)
	if err != nil {
		ended(err)
	}
}

func (l *Listener) unburied(in Incoming, r *message.Refusal, err error) {
	l.counts.Unburied.Add(1)
	l.journal.write(slog.LevelError, "dead letter not kept", "code", r.Code, "peer", in.Peer, "error", err)
}

const (
	// strangersShare bounds what refused messages of senders that are not
	// proved may hold of the queue at a time, in bytes: the committer writes
	// them together with everybody's messages. It has room for as many small
	// ones as a socket has outstanding.
	strangersShare = 16 << 20
	// letterCost is what a dead letter costs beside its frame.
	letterCost = 1 << 10
)

// share counts what is in use of strangersShare.
type share struct{ used atomic.Int64 }

// take tells whether there was room for n more, and then holds it.
func (s *share) take(n int64) bool {
	if s.used.Add(n) > strangersShare && n > 0 {
		s.used.Add(-n)
		return false
	}
	return true
}

func (s *share) give(n int64) { s.used.Add(-n) }

// refusal turns any error into one that travels. What is no refusal is the
// listener's own trouble: its sender may come again, and learns nothing of it.
func refusal(err error) *message.Refusal {
	var r *message.Refusal
	if errors.As(err, &r) {
		return r
	}
	return &message.Refusal{Code: message.Busy, Detail: err.Error()}
}

// known is all that is known of a refusal: for dead letters and the log, where
// only the operator reads it.
func known(r *message.Refusal) string {
	if r.Detail != "" {
		return r.Detail
	}
	return r.Reason
}

// told is the reason as the sender may hear it. One that is not proved learns
// nothing beyond the code (DESIGN.md section 6), unless the feed takes what
// nobody has signed.
func (l *Listener) told(o message.Opened, reason string) string {
	if o.Sender == "" && !l.rules.Load().Feeds[o.Container.Schema].Unsigned {
		return ""
	}
	return reason
}

// knownID is the id of the message that is answered, as far as it is known.
func knownID(o message.Opened) string {
	if o.Container.MessageID == "" {
		return message.NilID
	}
	return o.Container.MessageID
}
