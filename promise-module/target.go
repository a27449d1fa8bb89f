package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/zmq"
)

// maxEndpoints bounds a list of endpoints: each may cost its part of timeout.
const maxEndpoints = 16

// target is the attribute to: where a message goes, and who is there.
type target struct {
	endpoints []string // in order of preference
	key       string   // digest or file of the listener's public key; empty: any listener
}

// target reads one endpoint, a list of them, or the object
// {"endpoints": [], "key": "", "timeout": 5}, as a container or as JSON text.
// The object's timeout goes before the promise's own.
func (r *reading) target(into *target, timeout *time.Duration) {
	if !r.given("to") {
		return
	}
	var t target
	err := t.read(r.p, timeout)
	if err == nil {
		err = t.check()
	}
	r.fault(err)
	*into = t
}

func (t *target) read(p promise.Promise, timeout *time.Duration) (err error) {
	raw := p.Attributes["to"]
	if text, err := p.Text("to", ""); err == nil && strings.HasPrefix(text, "{") {
		raw = json.RawMessage(text)
	}
	if len(raw) > 0 && raw[0] == '{' {
		return t.readObject(raw, timeout)
	}
	t.endpoints, err = p.List("to", nil)
	return err
}

// readObject reads the members as attributes of their own.
func (t *target) readObject(raw json.RawMessage, timeout *time.Duration) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return fmt.Errorf("attribute %q: its object is no JSON: %w", "to", err)
	}
	r := reading{p: promise.Promise{Attributes: members}}
	var err error
	t.endpoints, err = r.p.List("endpoints", nil)
	r.fault(err)
	r.text("key", &t.key)
	r.duration("timeout", timeout, time.Second, 1, maxTimeout)
	for _, name := range sortedKeys(members) {
		switch {
		case name == "server_key":
			r.fault(notServed(name))
		case !slices.Contains([]string{"endpoints", "key", "timeout"}, name):
			r.fault(fmt.Errorf("unknown member %q, known are: endpoints, key, timeout", name))
		}
	}
	for i, fault := range r.faults {
		r.faults[i] = fmt.Errorf("attribute %q: %w", "to", fault)
	}
	return r.err()
}

// check looks at the endpoints and the key as far as that goes without a
// network and without files, which policy may put there in the same run.
func (t target) check() error {
	if len(t.endpoints) == 0 || len(t.endpoints) > maxEndpoints {
		return fmt.Errorf("attribute %q: expected 1 to %d endpoints such as tcp://hub.example.com:5309, got %d", "to", maxEndpoints, len(t.endpoints))
	}
	var faults []error
	for _, e := range t.endpoints {
		if _, err := zmq.ParseEndpoint(e); err != nil {
			faults = append(faults, fmt.Errorf("attribute %q: %w", "to", err))
		}
	}
	if err := checkKey(t.key); err != nil {
		faults = append(faults, fmt.Errorf("attribute %q: key: %w", "to", err))
	}
	return errors.Join(faults...)
}

// key reads what names a public key.
func (r *reading) key(name string, into *string) {
	if !r.text(name, into) {
		return
	}
	if err := checkKey(*into); err != nil {
		r.fault(fmt.Errorf("attribute %q: %w", name, err))
	}
}

func checkKey(text string) error {
	switch {
	case text == "" || filepath.IsAbs(text):
		return nil
	case strings.HasPrefix(text, "MD5="):
		return errors.New("an MD5 digest proves nothing: give the SHA one, which `messages key` shows on the listener's host")
	case strings.HasPrefix(text, "SHA="):
		_, err := hostkey.ParseDigest(text)
		return err
	}
	return fmt.Errorf("expected the absolute path of a public key or a digest SHA=..., got %q", text)
}
