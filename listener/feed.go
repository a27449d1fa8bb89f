package listener

import (
	"errors"
	"fmt"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// Feed is the rule for one schema: who may send it. The zero Feed lets nobody
// send (DESIGN.md section 9: who is not listed may not).
type Feed struct {
	Trusted  bool                    // every host whose key is trusted
	Senders  map[hostkey.Digest]bool // these hosts, as far as their keys are trusted; what their listeners say too
	Unsigned bool                    // bare containers too, from anybody who reaches the socket
	Replies  bool                    // receipts carry what Options.Reply gives; senders that are not proved get none
}

// May tells whether this sender may use the feed; the empty digest is a bare
// container. What a host's listener says (DESIGN.md section 4) is not what the
// host sends: only who is named may, for any host may run a listener, and its key
// lies in memory. May decides by its arguments alone.
func (f Feed) May(sender hostkey.Digest, byListener bool) bool {
	switch {
	case sender == "":
		return f.Unsigned
	case byListener:
		return f.Senders[sender]
	}
	return f.Trusted || f.Senders[sender]
}

// anyUnsigned tells whether a bare container can be for any feed at all:
// where it cannot, none is parsed.
func anyUnsigned(feeds map[string]Feed) bool {
	for _, f := range feeds {
		if f.Unsigned {
			return true
		}
	}
	return false
}

// admit finds the feed of an opened message and asks it. What it refuses, it
// refuses in the order of DESIGN.md section 6. It gives the schema to come.
func admit(r *Rules, o message.Opened) (*schemas.Schema, error) {
	c, sender := o.Container, o.Sender
	feed, known := r.Feeds[c.Schema]
	if sender == "" && !feed.Unsigned {
		return nil, unsigned(fmt.Sprintf("the feed of schema %q takes no bare containers", c.Schema))
	}
	if !known {
		return nil, &message.Refusal{Code: message.UnknownSchema, Reason: fmt.Sprintf(
			"this listener has no feed for schema %q: add it to feeds in its configuration, or send elsewhere", c.Schema)}
	}
	schema, err := r.Schemas.Find(c.Schema, c.Version)
	var unknown *schemas.Unknown
	if errors.As(err, &unknown) {
		return nil, &message.Refusal{Code: message.UnknownSchema, Reason: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	if !feed.May(sender, o.ByListener()) {
		return nil, denied(o)
	}
	return schema, nil
}

func denied(o message.Opened) error {
	who := string(o.Sender)
	if o.ByListener() {
		who = "the listener of " + who
	}
	return &message.Refusal{Code: message.Denied, Reason: fmt.Sprintf(
		"%s may not send schema %q here: name the digest in from of that feed, if it shall", who, o.Container.Schema)}
}

// unsigned refuses a bare container: its sender is nobody, and learns nothing
// beyond the code.
func unsigned(detail string) error {
	return &message.Refusal{Code: message.Unsigned, Detail: detail + "; one that says unsigned: true would"}
}
