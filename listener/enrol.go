package listener

import (
	"log/slog"

	"golang.org/x/time/rate"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// Checks of strangers' signatures: so many at once, then so many a second.
// One costs as much as the check of a message.
const (
	enrolBurst = 200
	enrolRate  = 100
)

// enrols tells whether a refused message is that of a host which is not trusted
// and asks to be. Its key then waits to be approved, as far as there is room.
func (l *Listener) enrols(in Incoming, o message.Opened, r *message.Refusal) bool {
	if l.pending == nil || r.Code != message.UnknownSender {
		return false
	}
	key, asks := l.opener.Enrolment(o.Envelope, func(hostkey.Digest) bool { return l.enrolling.AllowN(l.now(), 1) })
	if !asks {
		return false
	}
	if l.pending.Add(key, in.Peer) {
		l.journal.write(slog.LevelWarn, "a host asks to be trusted, its key waits to be approved (cf-messaged keys list)",
			"digest", key.Digest(), "peer", in.Peer)
	}
	return true
}

func newEnrolling() *rate.Limiter { return rate.NewLimiter(enrolRate, enrolBurst) }
