package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
)

// viewRequest is the schema by which a host asks for a view.
const viewRequest = "view_request"

// replies finds what receipts carry beyond that a message is stored.
type replies struct {
	truth *truth.Truth
	open  func(context.Context) (*sqlite.Conn, error)
	rules atomic.Pointer[map[string]replyRule] // by schema of the feed

	enrolment *enrolment // nil where none is asked

	asking sync.Mutex // one at a time asks reader
	reader *truth.Reader

	answering sync.RWMutex // held for reading by who asks views
	views     *view.Runner
}

// replyRule is what a feed says of its replies.
type replyRule struct {
	view  string
	wants map[string]time.Duration
}

// openReplies checks every view against the truth's schemas before any is
// asked for.
func openReplies(c Config, t *truth.Truth, e *enrolment) (*replies, error) {
	set, err := c.views()
	if err != nil {
		return nil, usageError{err}
	}
	open := func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, c.State) }
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := checkViews(ctx, set, open); err != nil {
		return nil, usageError{err}
	}
	reader, err := truth.OpenReader(c.State)
	if err != nil {
		return nil, err
	}
	r := &replies{truth: t, enrolment: e, open: open, reader: reader, views: view.NewRunner(set, view.Options{Open: open})}
	r.follow(c)
	return r, nil
}

// followViews takes over other views, once they hold against the truth's schemas. It
// waits for the answers under way.
func (r *replies) followViews(set *view.Set) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := checkViews(ctx, set, r.open); err != nil {
		return err
	}
	r.answering.Lock()
	defer r.answering.Unlock()
	was := r.views
	r.views = view.NewRunner(set, view.Options{Open: r.open})
	return was.Close()
}

// follow takes over what the feeds say of replies.
func (r *replies) follow(c Config) {
	rules := make(map[string]replyRule, len(c.Feeds))
	for schema, feed := range c.Feeds {
		ages, _ := feed.ages() // checkWants has seen them
		rules[schema] = replyRule{feed.Reply, ages}
	}
	r.rules.Store(&rules)
}

func checkViews(ctx context.Context, set *view.Set, open func(context.Context) (*sqlite.Conn, error)) error {
	conn, err := open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(set.Check(ctx, conn), conn.Close())
}

// views loads the shipped views and the site's, and holds the feeds' replies and
// senders against them.
func (c *Config) views() (*view.Set, error) {
	set, err := view.Load(c.Views)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		name := c.Feeds[schema].Reply
		if _, known := set.Find(name); name != "" && !known {
			faults = append(faults, fmt.Errorf("feeds.%s.reply: no view %q; there are: %s", schema, name, strings.Join(set.Names(), ", ")))
		}
	}
	return set, errors.Join(append(faults, c.checkSenderViews(set))...)
}

// reply is asked for each message of a feed that replies, once it is stored.
// The truth knows of the message before it answers.
func (r *replies) reply(ctx context.Context, o message.Opened, position int64) ([]string, *message.View, error) {
	if err := r.truth.WaitFor(ctx, position); err != nil {
		return nil, nil, err
	}
	if o.Container.Schema == curveKeySchema { // its receipt says that the key is admitted from now on
		return nil, nil, r.enrolment.learn(ctx, o.Sender)
	}
	rule := (*r.rules.Load())[o.Container.Schema]
	wants, err := r.wants(ctx, o, rule.wants)
	if err != nil {
		return nil, nil, err
	}
	shown, err := r.view(ctx, o, rule.view)
	return wants, shown, err
}

func (r *replies) wants(ctx context.Context, o message.Opened, ages map[string]time.Duration) ([]string, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.reader.Wants(ctx, string(o.Sender), ages)
}

// view is the one that the feed answers with, or the one that is asked for. Who
// may not have it, or asks for one that is not there, gets none and learns no
// more.
func (r *replies) view(ctx context.Context, o message.Opened, name string) (*message.View, error) {
	var parameters view.Parameters
	if o.Container.Schema == viewRequest {
		var err error
		if name, parameters, err = view.ParseRequest(o.Container.Content); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return nil, nil
	}
	r.answering.RLock()
	data, err := r.views.Run(ctx, name, hostkey.Digest(o.Sender), parameters)
	r.answering.RUnlock()
	if errors.Is(err, view.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &message.View{Name: name, Data: data}, nil
}

func (r *replies) close() error {
	if r == nil {
		return nil
	}
	return errors.Join(r.views.Close(), r.reader.Close())
}

// ages reads the ages of wants.
func (f Feed) ages() (map[string]time.Duration, error) {
	ages := map[string]time.Duration{}
	var faults []error
	for _, schema := range slices.Sorted(maps.Keys(f.Wants)) {
		text := f.Wants[schema]
		age, ok := parseAge(text)
		if !ok {
			faults = append(faults, fmt.Errorf("%s: expected an age such as 24h or 7d, or 0s for any, found %q", schema, text))
		}
		ages[schema] = age
	}
	return ages, errors.Join(faults...)
}

// allWants are the schemas that any feed wants, with the least of their ages.
func (c *Config) allWants() map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, feed := range c.Feeds {
		ages, _ := feed.ages()
		for schema, age := range ages {
			if least, known := all[schema]; !known || age > 0 && (age < least || least == 0) {
				all[schema] = age
			}
		}
	}
	return all
}

// checkWants tells what is wrong with the wants of all feeds.
func (c *Config) checkWants() error {
	var faults []error
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		if _, err := c.Feeds[schema].ages(); err != nil {
			faults = append(faults, fmt.Errorf("feeds.%s.wants.%w", schema, err))
		}
		for wanted := range c.Feeds[schema].Wants {
			if _, fed := c.Feeds[wanted]; !fed {
				faults = append(faults, fmt.Errorf("feeds.%s.wants: %s has no feed, so nobody could send it", schema, wanted))
			}
		}
	}
	return errors.Join(faults...)
}
