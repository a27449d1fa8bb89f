package main

import (
	"errors"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// Files of the state folder about keys: what was decided, by commands, and what
// waits to be, by the listener.
func (c *Config) decisions() string   { return filepath.Join(c.State, "keys.json") }
func (c *Config) pendingKeys() string { return filepath.Join(c.State, "pending.json") }

// openTrust opens the folder of keys, under what was decided about them.
func (c *Config) openTrust() (*hostkey.Trust, error) {
	trust, err := hostkey.OpenTrust(c.Keys)
	if err != nil {
		return nil, permitted(err, c.Keys)
	}
	if err := trust.Heed(c.decisions()); err != nil {
		return nil, errors.Join(permitted(err, c.State), trust.Close())
	}
	return trust, nil
}
