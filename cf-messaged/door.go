package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// door is what one socket asks of each message beyond what feeds ask: every check
// is the sender's or the connection's, and comes after the feed's.
type door struct {
	curve     string
	only      []string // schemas; none is all
	relays    map[hostkey.Digest]bool
	enrolment *enrolment // for enrolled
}

func (s *service) door(l Socket) door {
	d := door{curve: l.Curve, only: l.Only, relays: map[hostkey.Digest]bool{}, enrolment: s.enrolment.Load()}
	for _, text := range l.Relays {
		digest, _ := hostkey.ParseDigest(text) // check has seen it
		d.relays[digest] = true
	}
	return d
}

// may decides whether a connection may bring a message. client is the CURVE key
// that the connection was made with, in hex, "" without CURVE.
func (d door) may(client string, o message.Opened) error {
	if len(d.only) > 0 && !slices.Contains(d.only, o.Container.Schema) {
		return denied("this endpoint takes messages of schema %s only: send %s to another of this listener's", strings.Join(d.only, " or "), o.Container.Schema)
	}
	if o.Container.Schema == curveKeySchema {
		if err := ownKey(client, o); err != nil {
			return err
		}
	}
	if d.curve == curveEnrolled {
		return d.enrolled(client, o)
	}
	return nil
}

// ownKey has a host bind no key but the one that its connection is made with: it
// has the secret half. What is no key at all, the schema refuses.
func ownKey(client string, o message.Opened) error {
	if public := publicOf(o.Container.Content); public != "" && public != client {
		return denied("a CURVE key is bound only over a connection made with that very key: send it to a listener whose curve is any")
	}
	return nil
}

// enrolled has a host speak over its own connection, and relays over theirs. The
// key is looked up for each message: a connection outlives its key's revocation.
func (d door) enrolled(client string, o message.Opened) error {
	hosts := d.enrolment.of(client)
	if len(hosts) == 0 {
		return denied("the CURVE key of this connection belongs to no trusted host any more: bind it anew (a curve_key message)")
	}
	brings := func(h hostkey.Digest) bool { return h == o.Sender || d.relays[h] }
	if o.Sender != "" && !slices.ContainsFunc(hosts, brings) {
		return denied("the connection is %s's and the message %s's: who brings what others say must be named in relays of this listener", hosts[0], o.Sender)
	}
	return nil
}

func denied(format string, args ...any) error {
	return &message.Refusal{Code: message.Denied, Reason: fmt.Sprintf(format, args...)}
}
