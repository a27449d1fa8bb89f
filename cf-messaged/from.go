package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/view"
)

// from is who may send, as a feed says it: the word trusted, or a list of key
// digests, of the word self for this listener's own key, and of {view: NAME}
// for the digests that a view yields. What is alone needs no list. The zero from
// is nobody.
type from struct {
	trusted, self bool
	digests       []hostkey.Digest
	views         []string
}

// senders are what from means and the configuration alone does not tell.
type senders struct {
	self  hostkey.Digest
	views map[string][]hostkey.Digest // what each yields; those of a view that is not in it are nobody
}

func parseFrom(written any) (f from, err error) {
	list, isList := written.([]any)
	switch {
	case written == nil:
	case written == "trusted":
		f.trusted = true
	case !isList:
		if f.add(written) != nil {
			err = fmt.Errorf(": expected the word trusted or a list of key digests, as [SHA=…], self or {view: NAME}, found %v", written)
		}
	}
	for i, one := range list {
		if err := f.add(one); err != nil {
			return f, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return f, err
}

func (f *from) add(one any) error {
	if one == "self" {
		f.self = true
		return nil
	}
	if member, ok := one.(map[string]any); ok {
		name, isText := member["view"].(string)
		if !isText || len(member) != 1 {
			return errors.New("expected a view that yields key digests as {view: NAME}")
		}
		f.views = append(f.views, name)
		return nil
	}
	digest, err := hostkey.ParseDigest(fmt.Sprint(one))
	if err != nil {
		return err
	}
	f.digests = append(f.digests, digest)
	return nil
}

// senders are all digests that from means.
func (f from) senders(known senders) map[hostkey.Digest]bool {
	all := map[hostkey.Digest]bool{}
	for _, digest := range f.digests {
		all[digest] = true
	}
	if f.self && known.self != "" {
		all[known.self] = true
	}
	for _, name := range f.views {
		for _, digest := range known.views[name] {
			all[digest] = true
		}
	}
	return all
}

// nobody tells whether from lets no host in, whatever views yield.
func (f from) nobody() bool {
	return !f.trusted && !f.self && len(f.digests)+len(f.views) == 0
}

// senderViews are the views by which feeds say who may send, each once.
func (c *Config) senderViews() []string {
	var names []string
	for _, feed := range c.Feeds {
		from, _ := parseFrom(feed.From) // check has seen it
		names = append(names, from.views...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkSenderViews holds the views of from against those there are. They are
// asked by the listener, which is no host and has no parameters.
func (c *Config) checkSenderViews(set *view.Set) error {
	var faults []error
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		from, _ := parseFrom(c.Feeds[schema].From)
		for _, name := range from.views {
			v, there := set.Find(name)
			switch {
			case !there:
				faults = append(faults, fmt.Errorf("feeds.%s.from: no view %q; there are: %s", schema, name, strings.Join(set.Names(), ", ")))
			case v.For.Sender || len(v.Parameters) > 0:
				faults = append(faults, fmt.Errorf("feeds.%s.from: view %s is for a host or has parameters, and this question has neither: name one that yields all", schema, name))
			}
		}
	}
	return errors.Join(faults...)
}

// yielded are the key digests in an answer of a view: of each row of each
// container, in the column digest, or in the only one. Rows that hold none are
// counted as others.
func yielded(data json.RawMessage, asked error) (digests []hostkey.Digest, others int, err error) {
	if asked != nil {
		return nil, 0, asked
	}
	var containers map[string]json.RawMessage
	if err := json.Unmarshal(data, &containers); err != nil {
		return nil, 0, err
	}
	for _, container := range containers {
		rows := []json.RawMessage{container}
		if bytes.HasPrefix(container, []byte("[")) {
			if err := json.Unmarshal(container, &rows); err != nil {
				return nil, 0, err
			}
		}
		for _, row := range rows {
			digest, err := hostkey.ParseDigest(digestColumn(row))
			if err != nil {
				others++
				continue
			}
			digests = append(digests, digest)
		}
	}
	slices.Sort(digests)
	return slices.Compact(digests), others, nil
}

// digestColumn is "" where a row has no such column, or no text in it.
func digestColumn(row json.RawMessage) (text string) {
	var columns map[string]json.RawMessage
	if json.Unmarshal(row, &columns) != nil {
		columns = map[string]json.RawMessage{"digest": row} // a content that stands for the row
	}
	value, named := columns["digest"]
	if !named && len(columns) == 1 {
		for _, value = range columns {
			break
		}
	}
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return text
}
