package publish

import (
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// Subscribed tells that somebody subscribes to a topic, or that nobody does any
// more. Who does proves nothing by it. Topics that are none of ours, and beginnings
// of topics, are passed over.
func (p *Publisher) Subscribed(topic string, on bool) {
	name, host, ok := parseTopic(topic)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !on {
		p.forget(name, host)
		return
	}
	if !p.remember(name, host) {
		return
	}
	if e := p.edition(name); e != nil {
		why := came
		if p.options.Now().Sub(p.began) < returning {
			why = again
		}
		if _, trusted := p.options.Keys(host); !trusted {
			e.missed[host] = max(e.missed[host], why)
			return
		}
		e.add(host, why)
		p.wake()
	}
}

// remember tells whether the topic is remembered.
func (p *Publisher) remember(name string, host hostkey.Digest) bool {
	if _, there := p.wanted[name][host]; there {
		return true
	}
	_, trusted := p.options.Keys(host)
	stranger := !trusted || p.edition(name) == nil
	if stranger && p.strange >= strangers {
		return false
	}
	if stranger {
		p.strange++
	}
	if p.wanted[name] == nil {
		p.wanted[name] = map[hostkey.Digest]bool{}
	}
	p.wanted[name][host] = stranger
	return true
}

func (p *Publisher) forget(name string, host hostkey.Digest) {
	if p.wanted[name][host] {
		p.strange--
	}
	if e := p.edition(name); e != nil {
		delete(e.missed, host)
	}
	delete(p.wanted[name], host)
	if len(p.wanted[name]) == 0 {
		delete(p.wanted, name)
	}
}

// miss keeps in mind that a host's turn came while it was not trusted.
func (p *Publisher) miss(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, wants := p.wanted[j.view.Name][j.host]; wants {
		j.missed[j.host] = max(j.missed[j.host], j.why)
	}
}

// look gives those their turn again who are trusted now and were not when it came.
func (p *Publisher) look() {
	now := p.options.Generation()
	if now == p.looked {
		return
	}
	p.looked = now
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.editions {
		for host, why := range e.missed {
			if _, trusted := p.options.Keys(host); trusted {
				delete(e.missed, host)
				e.add(host, why)
				p.wake()
			}
		}
	}
}

// nameLimit is the length of the longest name of a view (package view).
const nameLimit = 64

// parseTopic reads what message.Publication.Topic writes. A name that no view can
// have finds none.
func parseTopic(topic string) (name string, host hostkey.Digest, ok bool) {
	name, text, found := strings.Cut(topic, ".")
	if !found || name == "" || len(name) > nameLimit {
		return "", "", false
	}
	host, err := hostkey.ParseDigest(text)
	return name, host, err == nil
}
