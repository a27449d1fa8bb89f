package main

import (
	"context"
	"strings"

	"github.com/webhuis/cfengine-messages/message"
)

// firstAsked tells whether the listeners of a job are asked to trust this host
// for the first time in this run. Once is enough: the key waits there.
func (m *messages) firstAsked(j job) bool {
	if !j.sign {
		return false
	}
	m.keys.Lock()
	defer m.keys.Unlock()
	listeners := strings.Join(j.endpoints(), " ")
	if m.asked[listeners] {
		return false
	}
	if m.asked == nil {
		m.asked = map[string]bool{}
	}
	m.asked[listeners] = true
	return true
}

// enrol says a message again with this host's public key, so that it can be
// approved at the listener. Until it is, the answer stays the refusal it was.
func (m *messages) enrol(ctx context.Context, j job, p parcel, refused answer) answer {
	container, err := message.Payload(p.frame)
	if err != nil {
		return refused
	}
	pair, err := m.pair()
	if err != nil {
		return refused
	}
	now := m.now()
	header := message.Header{Iat: now.Unix(), Exp: now.Add(j.expires).Unix()}
	if to := p.named(); to != nil {
		header.Aud = string(to.Digest())
	}
	if p.frame, err = message.Enrol(container, header, pair); err != nil {
		return refused
	}
	if a, err := m.bring(ctx, j, p); err == nil && a.receipt.Status != message.Refused {
		return a // approved meanwhile
	}
	return refused
}
