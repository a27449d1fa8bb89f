package listener

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// Rates bound what one sender and one address may cost, in messages a second;
// of each, burst seconds' worth may come at once. 0 is no limit.
//
// A sender pays for what it is proved to have said first: nobody else can use
// its allowance up. For all else the address pays that it came from: for what
// proves no sender, and for what anybody may have recorded on the way and sends
// again: duplicates, and what is refused. So a relay may bring what thousands of
// hosts say, and pays nothing where it is taken.
type Rates struct {
	Sender  int
	Address int
}

// encryptedCost is what a message that came encrypted costs, where its address
// pays: the private RSA operation takes as long as 20 checks of a signature.
const encryptedCost = 20

// over is the error of a message that its sender has no allowance for.
type over struct{ perSecond int }

func (o over) Error() string {
	return fmt.Sprintf("this host sends more than %d messages a second; send it again later, or have limits.per_sender raised at the listener", o.perSecond)
}

// addressMay tells whether the address has anything left that may be spent on
// looking at a frame. It spends nothing.
func (l *Listener) addressMay(in Incoming) bool {
	address := payer(in.Peer)
	return address == "" || l.addresses.has(address, l.now())
}

// addressPays is for what no sender pays for.
func (l *Listener) addressPays(in Incoming) {
	cost := 1
	if message.IsEncrypted(in.Frame) {
		cost = encryptedCost
	}
	if address := payer(in.Peer); address != "" {
		l.addresses.spend(address, l.now(), cost)
	}
}

// charge has somebody pay for a message that was opened, or that err refused.
// Its own error is that its sender has nothing left.
func (l *Listener) charge(in Incoming, o message.Opened, err error) error {
	if err != nil || o.Sender == "" {
		l.addressPays(in)
		return err
	}
	if !l.senders.take(string(o.Sender), l.now()) {
		return over{l.senders.perSecond}
	}
	return nil
}

// repay is for a message that turns out to be a duplicate, or is refused.
func (l *Listener) repay(in Incoming, o message.Opened) {
	if o.Sender != "" {
		l.senders.giveBack(string(o.Sender), l.now())
		l.addressPays(in)
	}
}

// overLimit answers who has no allowance left, with as little work as that
// takes: no dead letter, and a line in the log once a minute for each.
func (l *Listener) overLimit(in Incoming, o message.Opened, reason string) {
	l.counts.refused[message.Busy].Add(1)
	l.counts.Over.Add(1)
	who, limits, setting := string(o.Sender), l.senders, "limits.per_sender"
	if who == "" {
		who, limits, setting = payer(in.Peer), l.addresses, "limits.per_address"
	}
	if limits.tells(who, l.now()) {
		l.journal.log.Warn("over its limit, what comes beyond is answered busy and not kept",
			"who", who, "limit", setting, "per_second", limits.perSecond, "peer", in.Peer, "pattern", in.Pattern)
	}
	in.answer(l.seal(in, o, message.Receipt{Status: message.Refused, Code: message.Busy, Reason: l.told(o, reason)}))
}

// payer is the address that pays for a peer. Who is on this host pays nothing, "": many
// agents share its address, and tunnels end there.
func payer(peer string) string {
	a, err := netip.ParseAddr(peer)
	if a.IsLoopback() || err != nil && (peer == "" || strings.HasPrefix(peer, "ipc:")) {
		return ""
	}
	return hostkey.Place(peer)
}
