package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/publish"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
	"github.com/webhuis/cfengine-messages/zmq"
)

// Publish is where views are published, as written: an endpoint, or
// {bind: ENDPOINT, curve: any}. The zero value is nowhere.
type Publish struct {
	Bind  string `yaml:"bind"`
	Curve string `yaml:"curve"`
}

// UnmarshalYAML takes either form.
func (p *Publish) UnmarshalYAML(unmarshal func(any) error) error {
	var endpoint string
	if unmarshal(&endpoint) == nil {
		*p = Publish{Bind: endpoint}
		return nil
	}
	type plain Publish
	return unmarshal((*plain)(p))
}

// publisher publishes views (DESIGN.md section 11); nil where the configuration
// names no endpoint for them.
type publisher struct {
	*publish.Publisher
	sender *zmq.Sender
	log    *slog.Logger
}

// openPublisher binds and begins. The truth knows of the publisher before anybody
// can subscribe.
func (s *service) openPublisher(set *view.Set, limits message.Limits) error {
	if s.config.Publish.Bind == "" {
		return nil
	}
	views, err := publish.New(publish.Options{
		Views: set, Open: func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, s.config.State) },
		State: s.config.State, Limits: limits, Keys: s.trust.Lookup, Generation: s.trust.Generation, Seal: s.listener.Seal, Log: s.log,
	})
	if err != nil {
		return permitted(err, s.config.State)
	}
	p := &publisher{Publisher: views, log: s.log}
	s.publisher.Store(p)
	p.sender, err = zmq.BindSender(zmq.SenderOptions{
		Pattern: patternPublish, Binds: []string{s.config.Publish.Bind}, MaxMessage: cutOff(limits.Size), Subscribed: p.Subscribed,
		Curve: s.curve.server(s.config.Publish.Curve, s.enrolment.Load()),
	})
	if err == nil {
		p.Start(p.sender.Send)
	}
	return err
}

// changed is told what is known otherwise than before; it does not wait.
func (p *publisher) changed(changes []truth.Change) {
	if p == nil {
		return
	}
	for _, c := range changes {
		var host hostkey.Digest
		if c.Sender {
			host = hostkey.Digest(c.Entity)
		}
		p.Changed(c.Schema, host)
	}
}

func (p *publisher) follow(set *view.Set) {
	if p != nil {
		p.SetViews(set)
	}
}

func (p *publisher) endpoints() []string {
	if p == nil {
		return nil
	}
	return p.sender.Endpoints()
}

// close ends the publishing. What a subscriber does not take by then is lost, as
// may be with all that is published, and no failure of the listener.
func (p *publisher) close() error {
	if p == nil {
		return nil
	}
	err := p.Publisher.Close()
	if p.sender == nil {
		return err
	}
	if lost := p.sender.Close(); lost != nil {
		p.log.Warn("views that subscribers did not take are not published", "error", lost)
	}
	return err
}

// checkPublish tells what is wrong with publish as written.
func (c *Config) checkPublish() error {
	if c.Publish == (Publish{}) {
		return nil
	}
	if _, err := zmq.ParseBind(c.Publish.Bind); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := curveFault(c.Publish.Curve, "", true, false); err != nil {
		return fmt.Errorf("publish%w", err)
	}
	return nil
}

// checkPublished tells where views are published, and warns of those that never
// are although they say what changes them.
func checkPublished(c Config) []finding {
	set, err := c.views()
	if c.Publish.Bind == "" || err != nil {
		return nil
	}
	found := []finding{checkBind(c.Publish.Bind, c.Publish.Curve)}
	var published []string
	for _, name := range set.Names() {
		v, _ := set.Find(name)
		if v.Published() {
			published = append(published, name)
		}
		if v.For.Somebody() && len(v.PublishOn) > 0 && len(v.Parameters) > 0 {
			found = append(found, warning("view "+name, "not published, because it has parameters: who wants it asks for it (view_request)"))
		}
	}
	return append(found, finding{What: "views published: " + strings.Join(published, ", ")})
}

// selfTopic ends the topic of what is for this host alone, as subscribe names it.
const selfTopic = ".self"

// topics are those that a socket subscribes to: host_context.self is what is
// published of that view for this host.
func (s Socket) topics(self hostkey.Digest) []string {
	var topics []string
	for _, topic := range s.Subscribe {
		if name, own := strings.CutSuffix(topic, selfTopic); own {
			topic = message.Publication{View: message.View{Name: name}, For: self}.Topic()
		}
		topics = append(topics, topic)
	}
	return topics
}
