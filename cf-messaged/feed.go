package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/schemas"
)

// Feed is a feed as written.
type Feed struct {
	From     any  `yaml:"from"` // see from; left out it is nobody
	Unsigned bool `yaml:"unsigned"`

	Handlers []Handler         `yaml:"handlers"`
	Reply    string            `yaml:"reply"` // the view that receipts carry
	Wants    map[string]string `yaml:"wants"` // schemas to ask the sender for when absent or older, as 24h or 7d
	Keep     string            `yaml:"keep"`  // how long what is not true any more is kept, as 90d; for ever where left out
}

// rules reads what may change while the listener runs: feeds and schemas. What
// from says by other words than digests, known stands for.
func (c *Config) rules(known senders) (listener.Rules, error) {
	feeds, err := c.feeds(known)
	if err != nil {
		return listener.Rules{}, err
	}
	registry, err := c.registry()
	return listener.Rules{Feeds: feeds, Schemas: registry}, err
}

// feeds turns the feeds as written into the listener's.
func (c *Config) feeds(known senders) (map[string]listener.Feed, error) {
	var faults []error
	feeds := make(map[string]listener.Feed, len(c.Feeds))
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		feed, err := c.Feeds[schema].rule(known)
		feed.Replies = feed.Replies || schema == viewRequest || schema == curveKeySchema
		if err != nil {
			faults = append(faults, fmt.Errorf("feeds.%s.from%w", schema, err))
		}
		feeds[schema] = feed
	}
	return feeds, errors.Join(faults...)
}

func (f Feed) rule(known senders) (listener.Feed, error) {
	from, err := parseFrom(f.From)
	return listener.Feed{
		Trusted: from.trusted, Senders: from.senders(known),
		Unsigned: f.Unsigned, Replies: f.Reply != "" || len(f.Wants) > 0,
	}, err
}

// registry reads and compiles all schemas, the built-in ones and the site's:
// what is wrong with one shall show now, not with its first message. A feed of
// a schema that is nowhere is a fault, because nothing could come through it.
func (c *Config) registry() (*schemas.Registry, error) {
	var folders []string
	if c.Schemas != "" {
		folders = append(folders, c.Schemas)
	}
	r, err := schemas.NewRegistry(folders...)
	if err != nil {
		return nil, err
	}
	all, err := r.All()
	faults := []error{err}
	for _, s := range all {
		faults = append(faults, s.Compile())
	}
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		if _, err := r.Find(schema, ""); err != nil {
			faults = append(faults, fmt.Errorf("feeds.%s: %w", schema, err))
		}
	}
	return r, errors.Join(faults...)
}
