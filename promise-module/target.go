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
	serverKey string   // CURVE key or file of the listener that alone is spoken to; empty: no CURVE
	enrol     []string // endpoints where that listener takes this host's CURVE key
}

// target reads one endpoint, a list of them, or the object
// {"endpoints": [], "key": "", "server_key": "", "enrol": [], "timeout": 5}, as a container or as JSON text.
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

// toMembers are those of the object that to may be.
var toMembers = []string{"endpoints", "key", "server_key", "enrol", "timeout"}

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
	r.serverKey(&t.serverKey)
	r.enrol(&t.enrol)
	for _, name := range sortedKeys(members) {
		if !slices.Contains(toMembers, name) {
			r.fault(fmt.Errorf("unknown member %q, known are: %s", name, strings.Join(toMembers, ", ")))
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

// serverKey reads what names a listener's CURVE key.
func (r *reading) serverKey(into *string) {
	if !r.text("server_key", into) {
		return
	}
	if err := checkServerKey(*into); err != nil {
		r.fault(fmt.Errorf("attribute %q: %w", "server_key", err))
	}
}

// enrol reads one endpoint or a list of them.
func (r *reading) enrol(into *[]string) {
	if !r.given("enrol") {
		return
	}
	endpoints, err := r.p.List("enrol", nil)
	if err == nil && (len(endpoints) == 0 || len(endpoints) > maxEndpoints) {
		err = fmt.Errorf("attribute %q: expected 1 to %d endpoints such as tcp://hub.example.com:5316, got %d", "enrol", maxEndpoints, len(endpoints))
	}
	for _, e := range endpoints {
		if _, fault := zmq.ParseEndpoint(e); fault != nil {
			err = errors.Join(err, fmt.Errorf("attribute %q: %w", "enrol", fault))
		}
	}
	r.fault(err)
	*into = endpoints
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
