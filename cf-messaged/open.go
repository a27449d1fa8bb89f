package main

import (
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
)

// open opens every file and binds every socket before anything runs, so that
// "address in use" is an ordinary error.
func (s *service) open() error {
	w, err := s.config.read()
	if err != nil {
		return usageError{err}
	}
	if err := s.openKeys(); err != nil {
		return err
	}
	if err := s.openState(w); err != nil {
		return permitted(err, s.config.State)
	}
	if err := s.openListener(w); err != nil {
		return err
	}
	if err := s.bind(w.limits.Size); err != nil {
		return err
	}
	if err := s.openPublisher(w.views, w.limits); err != nil {
		return err
	}
	s.metrics, err = s.openMetrics()
	return err
}

// written is what the configuration says, read before anything is opened.
type written struct {
	rules  listener.Rules // then those with what views yield
	views  *view.Set
	limits message.Limits
	rates  listener.Rates
	skew   time.Duration
}

func (c *Config) read() (*written, error) {
	var w written
	var err error
	if w.rules, err = c.rules(senders{}); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name(), err)
	}
	if w.views, err = c.views(); err != nil {
		return nil, err
	}
	if w.limits, err = c.limits(); err != nil {
		return nil, err
	}
	if w.rates, err = c.Limits.rates(); err != nil {
		return nil, err
	}
	w.skew, err = c.clockSkew()
	return &w, err
}

func (s *service) openKeys() (err error) {
	if s.config.speaksCurve() {
		if s.curve, err = readCurve(s.config.State); err != nil {
			return err
		}
	}
	if s.pair, err = hostkey.ReadPair(s.config.Keys); err != nil {
		return permitted(err, s.config.Keys)
	}
	s.trust, err = s.config.openTrust()
	return err
}

// openState opens what lies in the state folder, and those who work on it.
func (s *service) openState(w *written) (err error) {
	// However large a message may be, some find room.
	age, _ := s.config.deadLetterAge() // check has seen it
	options := queue.Options{WaitingBytes: max(64<<20, 4*cutOff(w.limits.Size)), DeadLetterAge: age}
	if s.queue, err = queue.Open(s.config.State, options); err != nil {
		return err
	}
	s.pending = hostkey.OpenPending(s.config.pendingKeys(), s.trust.Settled, func(err error) { s.log.Error("pending keys", "error", err) })
	s.admits = newAdmission(s.config.State, s.pair.Digest(), s.log)
	s.truth, err = truth.Open(s.config.State, truth.Options{Schemas: w.rules.Schemas, Log: s.log, Changed: s.changed})
	if err != nil {
		return err
	}
	if err := s.openEnrolment(); err != nil {
		return err
	}
	if s.replies, err = openReplies(s.config, s.truth, s.enrolment.Load()); err != nil {
		return err
	}
	s.admits.follow(s.config, w.views, w.rules.Schemas, func(r listener.Rules) { w.rules = r })
	s.handlers, err = startHandlers(s.config, s.queue, newRelay(s.pair, s.trust, cutOff(w.limits.Size), s.curve, s.enrolment.Load()), s.log)
	if err == nil {
		s.keeper = s.startKeeper(s.config)
	}
	return err
}

// openEnrolment learns which CURVE keys belong to which hosts, where a socket asks.
func (s *service) openEnrolment() error {
	if !s.config.enrols() {
		return nil
	}
	e, err := newEnrolment(s.config.State, s.curve, s.pair.Digest(), s.trust, s.log)
	if err != nil {
		return err
	}
	s.enrolment.Store(e)
	return e.start()
}

// openListener begins to judge, before any socket has something to be judged.
func (s *service) openListener(w *written) error {
	disk, err := s.config.diskFree()
	if err != nil {
		return err
	}
	s.listener, err = listener.New(listener.Options{
		Pair: s.pair, Trust: s.trust, Pending: s.pending, Queue: s.queue, Rules: w.rules, Limits: w.limits, Skew: w.skew,
		Rates: w.rates, Disk: disk, Room: outstanding * len(s.config.Listeners), Stored: s.stored, Reply: s.replies.reply, Log: s.log,
	})
	if err == nil {
		s.admits.start(s.listener.SetRules)
	}
	return err
}
