package schemas

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

func (c contents) required() []string {
	var names []string
	for _, p := range c.parts {
		v, _ := p.say("required")
		names = append(names, texts(asList(v))...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (w *walk) required(from contents, into part) {
	v, _ := into.say("required")
	has := from.required()
	for _, name := range texts(asList(v)) {
		if slices.Contains(has, name) {
			continue
		}
		wayOut := fmt.Sprintf("leave it optional, or publish the document as %s", nextMajor(w.from))
		if w.way == Forward {
			wayOut = "leave it required, or " + w.usual(false)
		}
		w.differ(from, into, "required", verdict{wayOut: wayOut,
			why: fmt.Sprintf("property %s is required by %s and not by %s", quote(name), w.into.Version, w.from.Version)})
	}
}

// members returns the schemas of a keyword that holds them by name.
func (p part) members(keyword string) map[string]any {
	v, _ := p.say(keyword)
	m, _ := v.(map[string]any)
	return m
}

// property returns the schemas that hold for a property of that name (JSON
// Schema 2020-12 core 10.3.2).
func (p part) property(name string) []part {
	var parts []part
	if v, ok := p.members("properties")[name]; ok {
		parts = append(parts, p.child(v, "properties", name))
	}
	for _, pattern := range p.patterns() {
		if matches(pattern, name) {
			parts = append(parts, p.pattern(pattern)...)
		}
	}
	if len(parts) == 0 {
		return p.additional()
	}
	return parts
}

func (p part) patterns() []string { return slices.Sorted(maps.Keys(p.members("patternProperties"))) }

func matches(pattern, name string) bool {
	r, err := regexp.Compile(pattern)
	return err == nil && r.MatchString(name)
}

// additional returns the schema of properties that are not named.
func (p part) additional() []part {
	if v, ok := p.say("additionalProperties"); ok {
		return []part{p.child(v, "additionalProperties")}
	}
	return nil
}

// gather collects what all parts say of a property.
func (c contents) gather(say func(part) []part) contents {
	var parts []part
	for _, p := range c.parts {
		parts = append(parts, say(p)...)
	}
	return c.under(parts)
}

func (c contents) property(name string) contents {
	return c.gather(func(p part) []part { return p.property(name) })
}

// closed tells whether properties are few, and which.
func (c contents) closed() (names []string, closed bool) {
	for _, p := range c.parts {
		if v, _ := p.say("additionalProperties"); v == false && !p.has("patternProperties") {
			return slices.Sorted(maps.Keys(p.members("properties"))), true
		}
	}
	return nil, false
}

// object compares the properties: those that either names, one by one, and the rest.
func (w *walk) object(from contents, into part) {
	names := map[string]bool{}
	for _, p := range append([]part{into}, from.parts...) {
		for name := range p.members("properties") {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		w.property(from.property(name), into, name)
	}
	w.unnamed(from, into)
}

func (w *walk) property(from contents, into part, name string) {
	for _, p := range into.property(name) {
		_, named := into.members("properties")[name]
		if p.value != false || named || from.expand().kinds() == 0 {
			w.fits(from, p)
			continue
		}
		v := verdict{pointer: p.pointer, why: fmt.Sprintf("property %s is unknown to %s, which is closed", quote(name), w.into.Version)}
		if len(from.parts) > 0 {
			v.pointer = from.parts[0].pointer
		}
		if w.way == Backward {
			v.wayOut = fmt.Sprintf("keep the property, optional, or publish the document as %s", nextMajor(w.from))
		} else if _, ok := lookup(w.from.doc, "/properties/site"); ok {
			v.wayOut = fmt.Sprintf("send it under /site where a receiver knows %s only, or %s", w.into.Version, w.usual(false))
		}
		w.differ(from, into, "", v)
	}
}

// unnamed compares what holds for properties that neither names: by the
// patterns they fit, and for the rest.
func (w *walk) unnamed(from contents, into part) {
	for _, pattern := range into.patterns() {
		w.fits(from.patterned(pattern), into.pattern(pattern)[0])
	}
	for _, rest := range into.additional() {
		for _, p := range from.parts {
			for _, pattern := range p.patterns() {
				if len(into.pattern(pattern)) == 0 {
					w.fits(from.under(p.pattern(pattern)), rest)
				}
			}
		}
		w.fits(from.gather(part.additional), rest)
	}
}

// patterned collects what is known to hold for properties that fit a pattern
// and are not named.
func (c contents) patterned(pattern string) contents {
	others := false
	all := c.gather(func(p part) []part {
		if len(p.patterns()) == 0 {
			return p.additional()
		}
		same := p.pattern(pattern)
		others = others || len(same) == 0
		return same
	})
	all.unclear = all.unclear || others // they may fit another pattern, too
	return all
}

// pattern returns the schema of a pattern.
func (p part) pattern(pattern string) []part {
	if v, ok := p.members("patternProperties")[pattern]; ok {
		return []part{p.child(v, "patternProperties", pattern)}
	}
	return nil
}

// names compares what properties may be called.
func (w *walk) names(from contents, into part) {
	v, _ := into.say("propertyNames")
	asked := into.child(v, "propertyNames")
	if names, closed := from.closed(); closed {
		if accepts, err := asked.compile(); err == nil && !slices.ContainsFunc(names, func(name string) bool { return !accepts(name) }) {
			return
		}
	}
	w.fits(from.gather(func(p part) []part {
		if v, ok := p.say("propertyNames"); ok {
			return []part{p.child(v, "propertyNames")}
		}
		return nil
	}), asked)
}

// array compares the items: the first ones by their places, then the rest.
func (w *walk) array(from contents, into part) {
	places := len(into.children("prefixItems"))
	for _, p := range from.parts {
		places = max(places, len(p.children("prefixItems")))
	}
	for i := range places + 1 {
		for _, p := range into.item(i) {
			w.fits(from.gather(func(p part) []part { return p.item(i) }), p)
		}
	}
}

// item returns the schema of the item at a place (JSON Schema 2020-12 core 10.3.1).
func (p part) item(i int) []part {
	if first := p.children("prefixItems"); i < len(first) {
		return first[i : i+1]
	}
	if v, ok := p.say("items"); ok {
		return []part{p.child(v, "items")}
	}
	return nil
}
