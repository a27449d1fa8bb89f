package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/schemas"
)

// job is one promise understood and checked: everything that is needed to
// keep it, and nothing sent yet.
type job struct {
	attributes
	settings
	promiser     string
	schema       *schemas.Schema
	ownReplyFile bool   // the promise names it
	ahead        *ahead // its message, where one is sealed already
}

func (j job) endpoints() []string { return j.to.endpoints }

// maxPromise is the longest a promise ever takes (DESIGN.md section 7).
const maxPromise = 60 * time.Second

// bound is the longest that this one takes.
func (j job) bound() time.Duration {
	return min(j.timeout*time.Duration(j.retries+1), maxPromise)
}

// bounded limits everything that is done for it.
func (j job) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, j.bound())
}

// defaultsFile lies beside the binary: masterfiles ship both.
const defaultsFile = "messages.json"

// newJob understands a promise: attributes over the defaults of
// messages.json, schema, content and endpoints. All faults are told at once.
func (m *messages) newJob(p promise.Promise) (job, error) {
	a := tableDefaults()
	defaults, settings, err := m.defaults()
	if err != nil {
		return job{}, err
	}
	if err := a.set(promise.Promise{Attributes: defaults}); err != nil {
		return job{}, fmt.Errorf("%s: %w", m.defaultsFile, err)
	}
	if err := a.set(p); err != nil {
		return job{}, err
	}
	j := job{attributes: a, settings: settings, promiser: p.Promiser}
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
	usual := j.schema.Defaults()
	if j.pattern == "" {
		j.pattern = usual.Pattern
	}
	if j.repeat == "" {
		j.repeat = usual.Repeat
	}
	if j.pattern == patternAsync && !j.outbox {
		j.pattern = patternRequest // its receipts are collected by means of the outbox
	}
	return nil
}

// checkPattern finds what does not go together, and holds a chosen id against
// its form.
func (j *job) checkPattern() error {
	var faults []error
	for attribute, wrong := range map[string]bool{
		`"encrypt_to" does not go with "sign" false: what is encrypted is the signed envelope`: j.encryptTo != "" && !j.sign,
		`"split" goes with pattern "push"`:                                                                                        j.split && j.pattern != patternPush,
		`"receipt" goes with pattern "pair"`:                                                                                      j.receipt && j.pattern != patternPair,
		`"message_id" does not go with "split", which makes several messages`:                                                     j.split && j.messageID != "",
		`"reply_file" does not go with pattern "` + j.pattern + `", which has no answer`:                                          j.ownReplyFile && j.silent(),
		`"provide" does not go with pattern "` + j.pattern + `", which has no answer`:                                             j.provide && j.silent(),
		`"provide" needs "key" in "to", or "server_key": what becomes variables and classes must be proved by the listener's key`: j.provide && j.to.key == "" && j.to.serverKey == "",
		`"enrol" needs "server_key": the key that it binds is that of CURVE connections`:                                          len(j.to.enrol) > 0 && j.to.serverKey == "",
	} {
		if wrong {
			faults = append(faults, fmt.Errorf("attribute %s", attribute))
		}
	}
	if j.messageID != "" && j.schema != nil {
		_, err := message.Container{Schema: j.schema.ID, MessageID: j.messageID, Version: j.schema.Version, Content: []byte("0")}.Encode()
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// silent patterns have no answer.
func (j *job) silent() bool {
	return j.pattern == patternPublish || j.pattern == patternPush || j.pattern == patternPair && !j.receipt
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
	if j.split {
		return j.checkElements()
	}
	err := j.schema.Validate(j.content)
	if err != nil && j.notJSON != nil {
		err = fmt.Errorf("%w (its text begins like JSON and is none: %w)", err, j.notJSON)
	}
	return err
}

// maxSplit bounds the messages of one promise: each is signed, and all go out
// within its time.
const maxSplit = 10_000

// checkElements holds each element of a split content against the schema.
func (j *job) checkElements() error {
	if j.content[0] != '[' {
		return errors.New(`attribute "split": content is no array, whose elements could be messages of their own`)
	}
	elements := j.contents()
	if len(elements) == 0 || len(elements) > maxSplit {
		return fmt.Errorf(`attribute "split": expected 1 to %d elements in content, got %d`, maxSplit, len(elements))
	}
	for i, element := range elements {
		if err := j.schema.Validate(element); err != nil {
			return fmt.Errorf("element %d of content: %w", i+1, err)
		}
	}
	return nil
}

// complete sets what follows from the rest and checks the chosen id.
func (m *messages) complete(j *job) error {
	if len(j.endpoints()) == 0 {
		return fmt.Errorf(`attribute "to" is missing: name the listener, as to => "tcp://hub.example.com:5309", or set it for all promises in %s`, m.defaultsFile)
	}
	if j.to.serverKey == "" {
		j.to.serverKey = j.serverKey
	}
	if len(j.to.enrol) == 0 {
		j.to.enrol = j.enrol
	}
	if j.ownReplyFile = j.replyFile != ""; !j.ownReplyFile {
		j.replyFile = filepath.Join(m.work.state(), "views", viewName(j.promiser))
	}
	if j.topic == "" && j.schema != nil {
		j.topic = j.schema.ID
	}
	return j.checkPattern()
}
