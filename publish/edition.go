package publish

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/view"
)

// reason is why it is a host's turn.
type reason int

const (
	changed reason = iota // its answer may be another
	again                 // it came again after our restart, for all we know
	came                  // it has just subscribed
)

// edition is a published view, and for whom it is to be asked for.
type edition struct {
	view  *view.View
	due   map[hostkey.Digest]reason // hosts whose turn comes
	order []hostkey.Digest          // of due
	all   bool                      // the turn of all who subscribe comes again, after that of rest
	rest  []hostkey.Digest          // those of the round at hand whose turn has not come yet
	swap  bool                      // the last turn was of due

	missed map[hostkey.Digest]reason // who subscribe and were passed over, because they are not trusted

	answer  json.RawMessage // where it is the same for all; nil when it is to be asked for
	changes int             // of the truth, that may have changed the answer
	spent   time.Duration   // on it since there was last nothing to do
}

// job is one turn: a view for a host.
type job struct {
	*edition
	host hostkey.Digest
	why  reason
}

func (e *edition) add(host hostkey.Digest, why reason) {
	was, there := e.due[host]
	if !there {
		e.order = append(e.order, host)
	}
	e.due[host] = max(was, why)
}

// next takes a host whose turn it is: in turns one of due and one of the round, so
// that neither has to wait for the end of the other.
func (e *edition) next(wanted map[hostkey.Digest]bool) (job, bool) {
	if len(e.rest) == 0 && e.all {
		e.rest, e.all = slices.Collect(maps.Keys(wanted)), false
	}
	e.swap = !e.swap
	for len(e.order) > 0 && (e.swap || len(e.rest) == 0) {
		host := e.order[0]
		e.order = e.order[1:]
		if _, still := e.due[host]; still { // and has not had its turn in the round
			return e.turn(host), true
		}
	}
	if len(e.rest) > 0 {
		host := e.rest[0]
		e.rest = e.rest[1:]
		return e.turn(host), true
	}
	e.answer = nil
	return job{}, false
}

// giveUp leaves out all whose turn it is, until something changes.
func (e *edition) giveUp() {
	e.order, e.rest, e.all = nil, nil, false
	clear(e.due)
}

func (e *edition) turn(host hostkey.Digest) job {
	why := e.due[host] // changed where it is not due
	delete(e.due, host)
	return job{e, host, why}
}
