package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/schemas"
)

// job is one promise understood and checked: everything that is needed to
// keep it, and nothing sent yet.
type job struct {
	attributes
	promiser string
	schema   *schemas.Schema
}

func (j job) endpoints() []string { return j.to.endpoints }

// maxPromise is the longest a promise ever takes (DESIGN.md section 7).
const maxPromise = 60 * time.Second

// bound is the longest that this one takes.
func (j job) bound() time.Duration {
	return min(j.timeout*time.Duration(j.retries+1), maxPromise)
}

// defaultsFile lies beside the binary: masterfiles ship both.
const defaultsFile = "messages.json"

// newJob understands a promise: attributes over the defaults of
// messages.json, schema, content and endpoints. All faults are told at once.
func (m *messages) newJob(p promise.Promise) (job, error) {
	a := tableDefaults()
	defaults, err := m.defaults()
	if err != nil {
		return job{}, err
	}
	if err := a.set(promise.Promise{Attributes: defaults}); err != nil {
		return job{}, fmt.Errorf("%s: %w", m.defaultsFile, err)
	}
	if err := a.set(p); err != nil {
		return job{}, err
	}
	j := job{attributes: a, promiser: p.Promiser}
	return j, errors.Join(m.findSchema(&j), j.checkContent(), m.complete(&j))
}

// findSchema finds the template and what it brings along as defaults.
func (m *messages) findSchema(j *job) error {
	known, err := m.schemas()
	if err != nil {
		return err
	}
	id := cmp.Or(j.schemaID, j.promiser)
	if j.schema, err = known.Find(id, j.version); err != nil {
		var unknown *schemas.Unknown
		if errors.As(err, &unknown) && j.schemaID == "" && j.version == "" {
			err = fmt.Errorf("%w: where the promiser is no schema's id, give schema", err)
		}
		return fmt.Errorf("schema: %w", err)
	}
	usual := j.schema.Kind.Defaults()
	if j.pattern == "" {
		j.pattern = usual.Pattern
	}
	if j.repeat == "" {
		j.repeat = usual.Repeat
	}
	if j.pattern != patternRequest {
		return fmt.Errorf("pattern %s is not served by this version: write pattern => %q", j.pattern, patternRequest)
	}
	return nil
}

// checkContent holds the content against its schema, before anything is sent.
func (j *job) checkContent() error {
	if len(j.content) == 0 {
		return errors.New("attribute content is missing: give it a container, a list or JSON text")
	}
	if err := message.CheckJSON(j.content, message.DefaultLimits); err != nil {
		return fmt.Errorf("attribute content: %w", err)
	}
	if j.schema == nil {
		return nil // told already
	}
	err := j.schema.Validate(j.content)
	if err != nil && j.notJSON != nil {
		err = fmt.Errorf("%w (its text begins like JSON and is none: %w)", err, j.notJSON)
	}
	return err
}

// complete sets what follows from the rest and checks the chosen id.
func (m *messages) complete(j *job) error {
	if len(j.endpoints()) == 0 {
		return fmt.Errorf(`attribute "to" is missing: name the listener, as to => "tcp://hub.example.com:5309", or set it for all promises in %s`, m.defaultsFile)
	}
	if j.replyFile == "" {
		j.replyFile = filepath.Join(m.work.state(), "views", viewName(j.promiser))
	}
	if j.schema == nil || len(j.content) == 0 {
		return nil
	}
	_, err := j.container(message.NilID)
	return err
}

// container makes the message's bytes, once.
func (j job) container(id string) ([]byte, error) {
	if j.messageID != "" {
		id = j.messageID
	}
	return message.Container{Schema: j.schema.ID, MessageID: id, Version: j.schema.Version, Content: j.content}.Encode()
}

// envelopeLife is how long an envelope holds. It covers the longest promise
// and a clock that is off; the listener knows its id for 31 days.
const envelopeLife = 24 * time.Hour

// seal makes what travels: the signed envelope, or the bare container where
// the promise says sign => "false".
func (m *messages) seal(ctx context.Context, j job, container []byte, listener *hostkey.PublicKey) ([]byte, error) {
	if !j.sign {
		return container, nil
	}
	pair, err := m.pair()
	if err != nil {
		return nil, err
	}
	seq, err := nextSequence(ctx, m.work.state(), j.schema.ID)
	if err != nil {
		return nil, fmt.Errorf("count the message: %w", err)
	}
	now := m.now()
	header := message.Header{Iat: now.Unix(), Exp: now.Add(envelopeLife).Unix(), Seq: seq}
	if listener != nil {
		header.Aud = string(listener.Digest())
	}
	return message.Seal(container, header, pair)
}
