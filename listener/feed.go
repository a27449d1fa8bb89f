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
	Senders  map[hostkey.Digest]bool // these hosts, as far as their keys are trusted
	Unsigned bool                    // bare containers too, from anybody who reaches the socket
	Replies  bool                    // receipts carry what Options.Reply gives; senders that are not proved get none
}

// May tells whether this sender may use the feed; the empty digest is a bare
// container. It decides by its arguments alone.
func (f Feed) May(sender hostkey.Digest) bool {
	if sender == "" {
		return f.Unsigned
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
func admit(r *Rules, c message.Container, sender hostkey.Digest) (*schemas.Schema, error) {
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
	if !feed.May(sender) {
		return nil, &message.Refusal{Code: message.Denied, Reason: fmt.Sprintf(
			"%s may not send schema %q here: add it to from of that feed, if it shall", sender, c.Schema)}
	}
	return schema, nil
}

// unsigned refuses a bare container: its sender is nobody, and learns nothing
// beyond the code.
func unsigned(detail string) error {
	return &message.Refusal{Code: message.Unsigned, Detail: detail + "; one that says unsigned: true would"}
}
