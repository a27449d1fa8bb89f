package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/zmq"
)

// What a socket that binds says of its connections (DESIGN.md section 9).
const (
	curveOff      = "off"      // in the clear
	curveAny      = "any"      // encrypted, and the listener proved; any client
	curveEnrolled = "enrolled" // and only clients whose key is bound to a trusted host
)

// curveFault tells what is wrong with a socket's curve, which goes with bind, and
// its server_key, which goes with connect.
func curveFault(curve, serverKey string, binds, connects bool) error {
	var faults []error
	if !slices.Contains([]string{"", curveOff, curveAny, curveEnrolled}, curve) {
		faults = append(faults, fmt.Errorf(".curve: expected off, any or enrolled, found %q", curve))
	}
	if curved(curve) && connects {
		faults = append(faults, errors.New(".curve: is for sockets that bind: where this one connects, name the other's key as server_key, in an entry of its own"))
	}
	if serverKey != "" && (binds || !connects) {
		faults = append(faults, errors.New(".server_key: is for sockets that connect: where this one binds, say curve, in an entry of its own"))
	}
	if serverKey != "" && !filepath.IsAbs(serverKey) && zmq.CheckCurveKey(serverKey) != nil {
		faults = append(faults, fmt.Errorf(".server_key: expected the path of the other listener's curve.pub, or the 40 characters in it, found %q", serverKey))
	}
	return errors.Join(faults...)
}

func curved(curve string) bool { return curve == curveAny || curve == curveEnrolled }

// speaksCurve tells whether this listener needs its own CURVE key.
func (c *Config) speaksCurve() bool {
	speaks := curved(c.Publish.Curve)
	for _, l := range c.Listeners {
		speaks = speaks || curved(l.Curve) || l.ServerKey != ""
	}
	for _, f := range c.forwards() {
		speaks = speaks || curved(f.Curve) || f.ServerKey != ""
	}
	return speaks
}

// enrols tells whether any socket asks which host a key belongs to.
func (c *Config) enrols() bool {
	enrols := c.Publish.Curve == curveEnrolled
	for _, l := range c.Listeners {
		enrols = enrols || l.Curve == curveEnrolled
	}
	for _, f := range c.forwards() {
		enrols = enrols || f.Curve == curveEnrolled
	}
	return enrols
}

// forwards are those of all feeds.
func (c *Config) forwards() []Forward {
	var all []Forward
	for _, feed := range c.Feeds {
		for _, h := range feed.Handlers {
			if h.Forward != nil {
				all = append(all, *h.Forward)
			}
		}
	}
	return all
}

// checkEnrolled wants what enrolled lives by: a feed that hosts bind their keys by.
func (c *Config) checkEnrolled() error {
	if _, fed := c.Feeds[curveKeySchema]; c.enrols() && !fed {
		return fmt.Errorf("feeds: curve: enrolled admits hosts by their messages of schema %s: add %s: {from: trusted}", curveKeySchema, curveKeySchema)
	}
	return nil
}

// curvePair is this listener's own pair, as Z85 text.
type curvePair struct{ secret, public string }

func (p curvePair) hex() (string, error) { return zmq.CurveHex(p.public) }

// server is this listener's part where others connect to it; nil for curve: off.
func (p curvePair) server(curve string, e *enrolment) *zmq.CurveServer {
	switch curve {
	case curveAny:
		return &zmq.CurveServer{Secret: p.secret}
	case curveEnrolled:
		return &zmq.CurveServer{Secret: p.secret, Admits: e.admits}
	}
	return nil
}

// readCurve reads the pair that init made. The secret half must be nobody else's.
func readCurve(state string) (curvePair, error) {
	file := filepath.Join(state, curveSecret)
	if err := hostkey.CheckMode(file); errors.Is(err, fs.ErrNotExist) {
		return curvePair{}, fmt.Errorf("the listener's CURVE key %s is not there: run cf-messaged init, which makes it", file)
	} else if err != nil {
		return curvePair{}, permitted(err, state)
	}
	secret, err := readKey(file)
	if err != nil {
		return curvePair{}, permitted(err, state)
	}
	public, err := zmq.CurvePublic(secret)
	if err != nil {
		return curvePair{}, fmt.Errorf("%s: %w; move it away and run cf-messaged init to have a new one", file, err)
	}
	return curvePair{secret, public}, nil
}

// client is this listener's part where it connects to another that proves itself
// by that key; nil where none is named.
func (p curvePair) client(serverKey string) (*zmq.CurveClient, error) {
	if serverKey == "" {
		return nil, nil
	}
	key, err := publicKey(serverKey)
	if err != nil {
		return nil, fmt.Errorf("server_key: %w", err)
	}
	return &zmq.CurveClient{Server: key, Secret: p.secret}, nil
}

// publicKey reads what names a public key: the path of a file with it, or itself.
// Z85 text may begin as a path does: what is there as a file is one.
func publicKey(text string) (string, error) {
	if filepath.IsAbs(text) {
		data, err := os.ReadFile(text)
		if err == nil {
			text = strings.TrimSpace(string(data))
			return text, zmq.CheckCurveKey(text)
		}
		if zmq.CheckCurveKey(text) != nil {
			return "", err
		}
	}
	return text, zmq.CheckCurveKey(text)
}
