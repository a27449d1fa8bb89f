package main

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/view"
)

// What a running listener tells of its life, in the log and to systemd.

func (s *service) ready() {
	var endpoints, connects []string
	for i, socket := range s.sockets {
		endpoints = append(endpoints, socket.Endpoints()...)
		connects = append(connects, s.config.Listeners[i].Connect...)
	}
	for _, sender := range s.handlers.relay.senders {
		endpoints = append(endpoints, sender.Endpoints()...)
	}
	endpoints = append(endpoints, s.publisher.Load().endpoints()...)
	s.tellProblems()
	s.log.Info("ready", "version", versionText(), "configuration", s.config.name(), "state", s.config.State,
		"digest", s.pair.Digest(), "trusted_keys", len(s.trust.Keys()), "endpoints", endpoints, "connects_to", connects, "metrics", s.metrics.endpoint())
	s.notify(daemon.SdNotifyReady)
}

// reload takes over feeds, schemas, views and keys, and has handlers open their
// files anew. What does not hold changes nothing: the listener goes on with what it
// has.
func (s *service) reload() {
	s.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
	defer s.notify(daemon.SdNotifyReady)
	config, err := loadConfig(s.flags)
	if err != nil {
		s.log.Error("reload refused, the old configuration stays", "error", err)
		return
	}
	rules, err := config.rules(senders{})
	var views *view.Set
	if err == nil {
		views, err = config.views()
	}
	if err != nil {
		s.log.Error("reload refused, the old configuration stays", "error", err)
		return
	}
	if err := s.truth.SetSchemas(rules.Schemas); err != nil {
		s.log.Error("the views of the schemas stay as they were", "error", err)
	}
	s.admits.follow(config, views, rules.Schemas, s.takeRules)
	s.replies.follow(config)
	if err := s.replies.followViews(views); err != nil {
		s.log.Error("the views that hosts are told stay as they were", "error", err)
	} else {
		s.publisher.Load().follow(views)
	}
	s.keeper.close()
	s.keeper = s.startKeeper(config)
	s.handlers.reopen()
	s.tellProblems()
	if names := s.config.restart(config); len(names) > 0 {
		s.log.Warn("changed, and taken over only by a restart", "settings", names)
	}
	s.log.Info("reloaded", "feeds", len(rules.Feeds), "trusted_keys", len(s.trust.Keys()))
}

// takeRules has the listener judge by other rules, and read its keys again.
func (s *service) takeRules(rules listener.Rules) {
	if err := s.listener.Reload(rules); err != nil {
		s.log.Error("keys not read again", "error", err)
	}
}

// tellProblems names the key files that are not trusted although they lie
// among those that are.
func (s *service) tellProblems() {
	for _, p := range s.trust.Problems() {
		s.log.Warn("problem with trusted keys", "error", p)
	}
}

func (s *service) bye() {
	counts := s.listener.Counts()
	var refused []any
	for _, code := range message.Codes {
		if n := counts.Refused()[code]; n > 0 {
			refused = append(refused, slog.Int64(string(code), n))
		}
	}
	s.log.Info("bye", "stored", counts.Stored.Load(), "duplicate", counts.Duplicate.Load(),
		slog.Group("refused", refused...), "not_kept", counts.Unburied.Load(), "over_limits", counts.Over.Load(),
		"not_admitted", s.enrolment.Load().refused(), "without_curve_key", s.unknown())
}

// unknown is how many messages came over CURVE without a client's key. There are
// none while the gate stands.
func (s *service) unknown() (n int64) {
	for _, socket := range s.sockets {
		n += socket.Unknown()
	}
	return n
}

// notify tells systemd, where there is one; a failure is no reason to stop.
func (s *service) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("systemd was not told", "state", state, "error", err)
	}
}
