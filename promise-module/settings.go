package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// settings are what messages.json says beyond attributes: of the run and of
// the outbox, not of one promise.
type settings struct {
	runLimit time.Duration // of all promises of a run together, and of what waits
	messages int           // that the outbox holds
	bytes    int           // of their files
}

// usualSettings hold where messages.json says nothing else. A week of 2000 runs
// with twenty messages each fits.
var usualSettings = settings{runLimit: time.Minute, messages: 50_000, bytes: 128 << 20}

// settingNames are the members of messages.json that are no attributes.
var settingNames = []string{"run_limit", "outbox_messages", "outbox_bytes"}

// Bounds of the settings.
const (
	maxRunLimit = 3600 // seconds
	maxMessages = 1_000_000
	maxBytes    = 1 << 40
)

func readSettings(given map[string]json.RawMessage) (settings, error) {
	s := usualSettings
	r := reading{p: promise.Promise{Attributes: given}}
	r.duration("run_limit", &s.runLimit, time.Second, 1, maxRunLimit)
	r.number("outbox_messages", &s.messages, 1, maxMessages)
	r.number("outbox_bytes", &s.bytes, 1, maxBytes)
	return s, r.err()
}

// maxDefaults bounds messages.json.
const maxDefaults = 1 << 20

// defaults reads messages.json, which need not be there: defaults of attributes,
// and settings. It is read for each promise: policy may put it in the same run.
func (m *messages) defaults() (map[string]json.RawMessage, settings, error) {
	data, err := os.ReadFile(m.defaultsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usualSettings, nil
	}
	if err != nil {
		return nil, usualSettings, err
	}
	if err := message.CheckJSON(data, message.Limits{Size: maxDefaults, Depth: message.DefaultLimits.Depth}); err != nil {
		return nil, usualSettings, fmt.Errorf("%s: %w", m.defaultsFile, err)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil || given == nil {
		return nil, usualSettings, fmt.Errorf(`%s: expected an object of attributes, such as {"to": "tcp://hub.example.com:5309"}`, m.defaultsFile)
	}
	s, err := readSettings(given)
	if err != nil {
		return nil, s, fmt.Errorf("%s: %w", m.defaultsFile, err)
	}
	maps.DeleteFunc(given, func(name string, _ json.RawMessage) bool { return slices.Contains(settingNames, name) })
	return given, s, nil
}
