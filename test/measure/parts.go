package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// partFigures are what the listener must compute for each message, measured
// here on one thread, in microseconds of processor time.
type partFigures struct {
	Open     float64 `json:"open_us"`     // framing, signature, container
	Validate float64 `json:"validate_us"` // content against its schema
	Seal     float64 `json:"seal_us"`     // the receipt
}

func (p partFigures) sum() float64 { return p.Open + p.Validate + p.Seal }

// partsOf bounds on how many messages that is measured.
const partsOf = 4000

func (s *stage) measureParts(e envelopes) (p partFigures, err error) {
	e = e.first(min(len(e.frames), partsOf))
	trust, err := hostkey.OpenTrust(s.keys())
	if err != nil {
		return p, err
	}
	defer trust.Close()
	opener := &message.Opener{Keys: trust.Lookup}
	opened := make([]message.Opened, len(e.frames))
	if p.Open, err = each(len(e.frames), func(i int) error {
		opened[i], err = opener.Open(e.frames[i])
		return err
	}); err != nil {
		return p, err
	}
	if p.Validate, err = validateAll(e, opened); err != nil {
		return p, err
	}
	p.Seal, err = s.sealAll(e)
	return p, err
}

func validateAll(e envelopes, opened []message.Opened) (float64, error) {
	registry, err := schemas.NewRegistry()
	if err != nil {
		return 0, err
	}
	return each(len(e.frames), func(i int) error {
		schema, err := registry.Find(opened[i].Container.Schema, opened[i].Container.Version)
		if err != nil {
			return err
		}
		return schema.Validate(opened[i].Container.Content)
	})
}

func (s *stage) sealAll(e envelopes) (float64, error) {
	pair, err := hostkey.ReadPair(s.keys())
	if err != nil {
		return 0, err
	}
	now := time.Now()
	key, err := message.NewSessionKey(pair, now, time.Hour)
	if err != nil {
		return 0, err
	}
	return each(len(e.frames), func(i int) error {
		container, err := message.Receipt{Status: message.Stored}.Container(e.ids[i]).Encode()
		if err == nil {
			_, err = key.Seal(container, message.Header{Iat: now.Unix(), Exp: now.Add(time.Hour).Unix()})
		}
		return err
	})
}

// measureSign gives the processor time of a private RSA operation: each message
// of a node takes one.
func (s *stage) measureSign() (float64, error) {
	pair, err := hostkey.ReadPair(s.keys())
	if err != nil {
		return 0, err
	}
	return each(200, func(i int) error {
		_, err := pair.SignPS256(make([]byte, 600))
		return err
	})
}

// each does something n times, with one message each, and gives the processor time of this
// thread for one of them, in microseconds. What others do does not count.
func each(n int, do func(i int) error) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := do(0); err != nil { // what is done once, is done
		return 0, err
	}
	before := usedBy(unix.RUSAGE_THREAD)
	for i := range n {
		if err := do(i); err != nil {
			return 0, err
		}
	}
	return microseconds(usedBy(unix.RUSAGE_THREAD)-before) / float64(n), nil
}
