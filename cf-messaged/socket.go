package main

import (
	"errors"
	"fmt"

	"github.com/webhuis/cfengine-messages/zmq"
)

const patternRequest = "request"

// Socket is one of listeners: a pattern and where it is served.
type Socket struct {
	Pattern string   `yaml:"pattern"`
	Bind    []string `yaml:"bind"`
}

// check tells what is wrong with the i-th of listeners.
func (s Socket) check(i int) error {
	var faults []error
	if s.Pattern != patternRequest {
		faults = append(faults, fmt.Errorf("listeners[%d].pattern: %q is not served by this version; it serves request", i, s.Pattern))
	}
	if len(s.Bind) == 0 {
		faults = append(faults, fmt.Errorf("listeners[%d].bind: name at least one endpoint, as [tcp://127.0.0.1:5309]", i))
	}
	for j, b := range s.Bind {
		if _, err := zmq.ParseBind(b); err != nil {
			faults = append(faults, fmt.Errorf("listeners[%d].bind[%d]: %w", i, j, err))
		}
	}
	return errors.Join(faults...)
}
