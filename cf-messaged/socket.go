package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/zmq"
)

// Patterns of DESIGN.md section 5, as listeners and forwards name them;
// request serves async_request too.
const (
	patternRequest = "request"
	patternPublish = "publish"
	patternPush    = "push"
	patternPair    = "pair"
)

// Socket is one of listeners: a pattern and where it is served.
type Socket struct {
	Pattern   string    `yaml:"pattern"`
	Bind      Endpoints `yaml:"bind"`
	Connect   Endpoints `yaml:"connect"`
	Subscribe []string  `yaml:"subscribe"` // publish: topics, by how they begin; left out it is all

	Curve     string   `yaml:"curve"`      // of those who connect here: off, any or enrolled
	ServerKey string   `yaml:"server_key"` // the CURVE key of those whom this one connects to
	Relays    []string `yaml:"relays"`     // enrolled: key digests of hosts that may bring what others say
	Only      []string `yaml:"only"`       // schemas taken here; left out it is all
}

// silent patterns have no receipts.
func (s Socket) silent() bool { return s.Pattern == patternPublish || s.Pattern == patternPush }

// Endpoints is a list of them as written.
type Endpoints []string

// UnmarshalYAML also takes what goccy/go-yaml makes of an endpoint in a list
// within braces, {bind: [tcp://127.0.0.1:5309]}: a mapping of tcp://127.0.0.1
// to 5309, although no space follows the colon (YAML 1.2.2 section 7.3.3;
// github.com/goccy/go-yaml issue 832).
func (e *Endpoints) UnmarshalYAML(unmarshal func(any) error) error {
	var items []any
	if err := unmarshal(&items); err != nil {
		return err
	}
	*e = nil
	for _, item := range items {
		text := fmt.Sprint(item)
		if cut, ok := item.(map[string]any); ok && len(cut) == 1 {
			for before, after := range cut {
				text = fmt.Sprintf("%s:%v", before, after)
			}
		}
		*e = append(*e, text)
	}
	return nil
}

// check tells what is wrong with the i-th of listeners.
func (s Socket) check(i int) error {
	var faults []error
	if !slices.Contains([]string{patternRequest, patternPublish, patternPush, patternPair}, s.Pattern) {
		faults = append(faults, fmt.Errorf("listeners[%d].pattern: expected request, publish, push or pair, found %q", i, s.Pattern))
	}
	if len(s.Bind)+len(s.Connect) == 0 {
		faults = append(faults, fmt.Errorf("listeners[%d]: name at least one endpoint, as bind: [tcp://127.0.0.1:5309], or connect", i))
	}
	if len(s.Subscribe) > 0 && s.Pattern != patternPublish {
		faults = append(faults, fmt.Errorf("listeners[%d].subscribe: goes with publish, not with %s", i, s.Pattern))
	}
	if err := curveFault(s.Curve, s.ServerKey, len(s.Bind) > 0, len(s.Connect) > 0); err != nil {
		faults = append(faults, fmt.Errorf("listeners[%d]%w", i, err))
	}
	if len(s.Relays) > 0 && s.Curve != curveEnrolled {
		faults = append(faults, fmt.Errorf("listeners[%d].relays: goes with curve: enrolled, where a host brings its own messages only", i))
	}
	for j, relay := range s.Relays {
		if _, err := hostkey.ParseDigest(relay); err != nil {
			faults = append(faults, fmt.Errorf("listeners[%d].relays[%d]: %w", i, j, err))
		}
	}
	for j, c := range s.Connect {
		if _, err := zmq.ParseEndpoint(c); err != nil {
			faults = append(faults, fmt.Errorf("listeners[%d].connect[%d]: %w", i, j, err))
		}
	}
	for j, b := range s.Bind {
		if _, err := zmq.ParseBind(b); err != nil {
			faults = append(faults, fmt.Errorf("listeners[%d].bind[%d]: %w", i, j, err))
		}
	}
	return errors.Join(faults...)
}
