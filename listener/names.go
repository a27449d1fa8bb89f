package listener

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// called is what a content says its sender is called, in the words of CFEngine's sys
// variables.
type called struct{ uqhost, fqhost, domain string }

// mayBeCalled decides by the names that keys are bound to whether a sender may say
// of itself what it says (x-entity: sender). A bare container's sender is nobody, and
// may have no name that is somebody's.
func mayBeCalled(names *hostkey.Names, s *schemas.Schema, o message.Opened) error {
	if names == nil || !s.Entity.Sender {
		return nil
	}
	is, err := readCalled(o.Container.Content)
	if err != nil {
		return err
	}
	for _, name := range []string{is.uqhost, is.fqhost} {
		if name != "" && !names.May(o.Sender, name) {
			return notCalled(names, o.Sender, name)
		}
	}
	// As views put them together. A bound host may be in any domain, where no other
	// host of that name is.
	if name := is.uqhost + "." + is.domain; is.uqhost != "" && is.domain != "" && !names.Free(o.Sender, name) {
		return notCalled(names, o.Sender, name)
	}
	return nil
}

func notCalled(names *hostkey.Names, sender hostkey.Digest, name string) error {
	why := "that name is bound to another host's key"
	if names.Free(sender, name) {
		why = "its key is bound to other names"
	}
	return &message.Refusal{Code: message.Denied, Reason: fmt.Sprintf(
		"this host may not be called %.100q here: %s; if it shall, approve its key with that name at the listener (cf-messaged keys approve --name)", name, why)}
}

// readCalled reads the names in a content that has passed the strict guard. What is
// no text is no name: schemas refuse it, or mean something else by it.
func readCalled(content []byte) (is called, err error) {
	members := map[string]*string{"uqhost": &is.uqhost, "fqhost": &is.fqhost, "domain": &is.domain}
	d := jsontext.NewDecoder(bytes.NewBuffer(content))
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return is, err
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return is, err
		}
		into := members[name.String()]
		value, err := d.ReadValue()
		if err != nil {
			return is, err
		}
		if into != nil && value.Kind() == '"' {
			if err := json.Unmarshal(value, into); err != nil {
				return is, err
			}
		}
	}
	return is, nil
}
