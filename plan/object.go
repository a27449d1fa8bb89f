package plan

import (
	"bytes"
	"unicode/utf8"

	"github.com/webhuis/cfengine-messages/scan"
)

// objectRules are the keywords for objects.
type objectRules struct {
	names      names
	patterns   []patternRule
	additional *node
	eachName   *node  // propertyNames; nil for no such rule
	required   uint64 // bits of the properties that must be there
	min, max   int
}

// property is a name that a schema mentions.
type property struct {
	name string
	node *node // nil where it is only required
	bit  uint64
}

type patternRule struct {
	pattern *pattern
	node    *node
}

func newObjectRules() *objectRules {
	return &objectRules{additional: anything, max: unbounded}
}

var anyObject = newObjectRules()

// isOpen tells that names do not matter.
func (o *objectRules) isOpen() bool { return o == anyObject }

// members is what was met of one object.
type members struct {
	count int
	seen  uint64
	v     verdict
	fault []byte // name of the first member that breaks
	odd   bool   // that member may not count: its name occurs again, or some names are escaped
}

func (w *walker) object(n *node, i int) (int, verdict) {
	if w.depth++; w.depth > maxDepth {
		return nowhere, unsure
	}
	o := n.object
	if o == nil {
		o = anyObject
	}
	var m members
	end := w.members(o, &m, i)
	if end == nowhere {
		return nowhere, unsure
	}
	w.depth--
	return end, max(n.types.allow(object), o.judge(&m), n.enum.compound())
}

func (w *walker) members(o *objectRules, m *members, i int) int {
	i = w.space(i + 1)
	if w.at(i, '}') {
		return i + 1
	}
	for {
		end := w.member(o, m, i)
		if end == nowhere {
			return nowhere
		}
		i = w.space(end)
		if w.at(i, '}') {
			return i + 1
		}
		if !w.at(i, ',') {
			return nowhere
		}
		i = w.space(i + 1)
	}
}

// member passes over one name and its value.
func (w *walker) member(o *objectRules, m *members, i int) int {
	if !w.at(i, '"') {
		return nowhere
	}
	end, form := scan.Text(w.src, i)
	if end == nowhere {
		return nowhere
	}
	at := w.space(end)
	if !w.at(at, ':') {
		return nowhere
	}
	at = w.space(at + 1)
	m.count++
	name := w.src[i+1 : end-1]
	var v verdict
	switch {
	case o.isOpen():
		end, v = w.value(anything, at)
	case form&scan.Escaped != 0 || form&scan.Foreign != 0 && !utf8.Valid(name):
		m.odd = true
		end, _ = w.value(anything, at)
		v = unsure
	default:
		end, v = w.named(o, m, name, at)
	}
	if end != nowhere && o.eachName != nil {
		v = max(v, w.again(o.eachName, i))
	}
	m.take(name, v)
	return end
}

// named judges the value at i by every rule for its name.
func (w *walker) named(o *objectRules, m *members, name []byte, i int) (end int, v verdict) {
	end = nowhere
	if p := o.names.find(name); p != nil {
		m.seen |= p.bit
		if p.node != nil {
			end, v = w.value(p.node, i)
		}
	}
	for _, p := range o.patterns {
		if !w.matches(p.pattern, name) {
			continue
		}
		after, found := w.value(p.node, i)
		end, v = after, max(v, found)
	}
	if end != nowhere {
		return end, v
	}
	return w.value(o.additional, i)
}

// take adds one member's verdict. Of a name that is given twice the last value
// counts, so one that breaks is certain only while its name does not come again.
func (m *members) take(name []byte, v verdict) {
	if m.fault != nil && bytes.Equal(m.fault, name) {
		m.odd = true
	}
	if v == breaks && m.fault == nil {
		m.fault = name
	}
	m.v = max(m.v, v)
}

// judge knows that count may be too high, for a name may have been given twice.
func (o *objectRules) judge(m *members) verdict {
	v := m.v
	if v == breaks && m.odd {
		v = unsure
	}
	switch {
	case m.count < o.min:
		return breaks
	case m.count > o.max || o.min > 1 && m.count > 1:
		v = max(v, unsure)
	}
	if m.seen&o.required != o.required {
		v = max(v, m.missing())
	}
	return v
}

// missing: a name that is written with escapes was not recognised.
func (m *members) missing() verdict {
	if m.odd {
		return unsure
	}
	return breaks
}
