package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/truth"
)

// check judges items as the listener will by this configuration, and returns
// how many it would refuse. The listener has the last word.
func (d *putter) check(items []*putItem) (refused int) {
	files := map[[2]string]string{} // by schema and entity
	for _, i := range items {
		if i.status == "" {
			if err := d.judge(i); err != nil {
				i.refuse(err)
			}
		}
		key := [2]string{i.schema, i.entity}
		if other, twice := files[key]; i.about && twice && i.status == "" {
			i.refuse(fmt.Errorf("%s says something of the same entity: leave one of them out", other))
		} else if i.about {
			files[key] = i.file
		}
		if i.status != "" {
			refused++
		}
	}
	return refused
}

// judge follows the order of DESIGN.md section 6.
func (d *putter) judge(i *putItem) (err error) {
	if err := message.CheckJSON(i.content, d.limits); err != nil {
		return err
	}
	if i.template, err = d.registry.Find(i.schema, d.version); err != nil {
		if unknown := (*schemas.Unknown)(nil); errors.As(err, &unknown) {
			err = &message.Refusal{Code: message.UnknownSchema, Reason: err.Error()}
		}
		return err
	}
	if err := d.admitted(i.schema); err != nil {
		return err
	}
	if err := i.template.Validate(i.content); err != nil {
		if invalid := (*schemas.Invalid)(nil); errors.As(err, &invalid) {
			err = &message.Refusal{Code: message.InvalidContent, Reason: err.Error() + d.splitHint(i)}
		}
		return err
	}
	i.entity, err = truth.EntityOf(i.template.Entity, string(d.pair.Digest()), i.content)
	i.about = err == nil
	return err
}

// admitted says which line of the configuration would let this listener's own
// key send. What a view yields, only the running listener knows.
func (d *putter) admitted(schema string) error {
	feed, fed := d.config.Feeds[schema]
	if !fed {
		return &message.Refusal{Code: message.UnknownSchema, Reason: fmt.Sprintf(
			"%s has no feed for it: add %s: {from: [self]} to its feeds, and reload the listener", d.config.name(), schema)}
	}
	self := d.pair.Digest()
	from, err := parseFrom(feed.From)
	if err != nil || from.trusted || len(from.views) > 0 || from.senders(senders{self: self})[self] {
		return err
	}
	return &message.Refusal{Code: message.Denied, Reason: fmt.Sprintf(
		"feeds.%s.from in %s does not let this listener's own key in: add self to it, as in %s: {from: [self]}, or its digest %s, and reload the listener",
		schema, d.config.name(), schema, self)}
}

func (d *putter) splitHint(i *putItem) string {
	if d.split || i.content[0] != '[' {
		return ""
	}
	return " (--split makes a message of each element of an array)"
}

// compare finds what is the truth already by this listener's own word. Where no
// listener has made a truth yet, nothing is.
func (d *putter) compare(ctx context.Context, items []*putItem) error {
	r, err := truth.OpenReader(d.config.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return permitted(err, d.config.State)
	}
	_, err = waitForTruth(ctx, d.config.State, r)
	for _, i := range items {
		if err == nil && i.status == "" {
			err = d.compareOne(ctx, r, i)
		}
	}
	return errors.Join(err, r.Close())
}

func (d *putter) compareOne(ctx context.Context, r *truth.Reader, i *putItem) error {
	is, err := r.Latest(ctx, i.schema, i.entity)
	if errors.Is(err, truth.ErrNotFound) {
		return nil
	}
	if err == nil && is.Sender == string(d.pair.Digest()) && is.Version == i.template.Version && sameJSON(is.Content, i.content) {
		i.status = putUnchanged
	}
	return err
}

// sameJSON tells whether two contents say the same, whatever the order of their
// members. Numbers that are spelled in other ways count as others.
func sameJSON(a, b []byte) bool {
	return bytes.Equal(a, b) || reflect.DeepEqual(decoded(a), decoded(b))
}

// decoded is for what passed the strict guard.
func decoded(text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&v)
	return v
}
