package schemas

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxSteps ends a comparison of schemas that refer to themselves in many ways.
const maxSteps = 1000

// walk looks for contents that one schema accepts and another refuses.
type walk struct {
	way        Way
	from, into *Schema
	open       map[string]bool // comparisons in hand, for schemas may refer to themselves
	budget     int
	spent      bool
	found      []Difference
}

// fits reports why contents of from may not fit into.
func (w *walk) fits(from contents, into part) {
	from = from.expand()
	key := from.key() + "\n" + into.pointer
	if w.open[key] || into.value == true || from.kinds() == 0 || from.has(func(p part) bool { return alike(p, into) }) {
		return
	}
	if w.budget--; w.budget <= 0 {
		w.giveUp(from, into)
		return
	}
	w.open[key] = true
	defer delete(w.open, key)
	from.unclear = from.unclear || from.reduced(into)
	values, finite := from.values()
	if finite && (into.value != false || len(values) == 0) {
		w.eachValue(from, into, values)
		return
	}
	if into.value == false {
		w.differ(from, into, "", verdict{why: w.from.Version + " accepts something here, " + w.into.Version + " nothing"})
		return
	}
	schema, _ := into.value.(map[string]any)
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		if k, ok := concerns[keyword]; !ok || from.kinds()&k != 0 {
			w.judge(from, into, keyword)
		}
	}
}

// giveUp reports once that not everything was compared.
func (w *walk) giveUp(from contents, into part) {
	if !w.spent {
		w.differ(from, into, "", verdict{undecided: true, why: "the comparison is too long to be ended"})
	}
	w.spent = true
}

// judge compares one keyword of into with what from says.
func (w *walk) judge(from contents, into part, keyword string) {
	switch keyword {
	case "type":
		w.types(from, into)
	case "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		w.limit(from, into, keyword)
	case "multipleOf":
		w.multiple(from, into)
	case "enum", "const", "uniqueItems":
		w.only(from, into, keyword)
	case "pattern", "format":
		w.text(from, into, keyword)
	case "required":
		w.required(from, into)
	case "properties", "patternProperties", "additionalProperties":
		if keyword == first(into, "additionalProperties", "patternProperties", "properties") {
			w.object(from, into)
		}
	case "propertyNames":
		w.names(from, into)
	case "items", "prefixItems":
		if keyword == first(into, "items", "prefixItems") {
			w.array(from, into)
		}
	case "allOf":
		for _, p := range into.children(keyword) {
			w.fits(from, p)
		}
	case "anyOf":
		w.choice(from, into)
	case "$ref":
		if target, ok := into.target(); ok {
			w.fits(from, target)
		} else {
			w.alike(from, into, keyword)
		}
	case "unevaluatedItems", "unevaluatedProperties":
		w.differ(from, into, keyword, verdict{undecided: true, why: keyword + " depends on the keywords around it, which differ"})
	default:
		if !silent(keyword) {
			w.alike(from, into, unit(keyword)...)
		}
	}
}

// first returns the keyword that into has, of those that are judged together.
func first(into part, keywords ...string) string {
	return keywords[slices.IndexFunc(keywords, into.has)]
}

// alike accepts keywords, which make sense together only, that from has alike.
func (w *walk) alike(from contents, into part, keywords ...string) {
	if from.same(into, keywords...) {
		return
	}
	w.differ(from, into, keywords[0], verdict{undecided: true, why: keywords[0] + " is not the same in both, and not compared further"})
}

// choice: contents fit where they fit one alternative, or where each
// alternative that from leaves them fits one.
func (w *walk) choice(from contents, into part) {
	alternatives := into.children("anyOf")
	some := func(from contents) bool {
		return slices.ContainsFunc(alternatives, func(p part) bool { return w.would(from, p) })
	}
	if from.same(into, "anyOf") || some(from) {
		return
	}
	for _, p := range from.parts {
		branches := p.children("anyOf")
		if len(branches) > 0 && !slices.ContainsFunc(branches, func(b part) bool { return !some(from.and(b)) }) {
			return
		}
	}
	w.differ(from, into, "anyOf", verdict{undecided: true, why: "no single alternative of " + w.into.Version + " takes all that " + w.from.Version + " accepts"})
}

// would tells whether contents fit, and reports nothing.
func (w *walk) would(from contents, into part) bool {
	try := &walk{way: w.way, from: w.from, into: w.into, open: maps.Clone(w.open), budget: w.budget}
	try.fits(from, into)
	w.budget = try.budget
	return len(try.found) == 0
}

// verdict is what a comparison came to. WayOut "" is the usual one.
type verdict struct {
	undecided   bool
	why, wayOut string
	pointer     string // "" is where the keyword stands
}

// differ reports. Where contents were taken away by what is not looked at,
// nobody knows whether those that do not fit are among them.
func (w *walk) differ(from contents, into part, keyword string, v verdict) {
	v.undecided = v.undecided || from.unclear
	if v.pointer == "" {
		v.pointer = w.where(from, into, keyword)
	}
	if v.wayOut == "" {
		v.wayOut = w.usual(v.undecided)
	}
	w.found = append(w.found, Difference{Way: w.way, Pointer: v.pointer, Undecided: v.undecided, Why: clean(v.why, maxText), WayOut: v.wayOut})
}

// where finds the keyword: in the new document if it is there.
func (w *walk) where(from contents, into part, keyword string) string {
	parts := append([]part{into}, from.parts...)
	if w.way == Forward {
		parts = append(slices.Clone(from.parts), into)
	}
	for _, p := range parts {
		if p.has(keyword) {
			return p.pointer + "/" + keyword
		}
	}
	return parts[0].pointer
}

func (w *walk) usual(undecided bool) string {
	major := "publish the document as " + nextMajor(w.from)
	if undecided {
		return "leave it as it is, compare by hand, or " + major
	}
	if w.way == Backward {
		return fmt.Sprintf("let %s accept all that %s does, or %s", w.into.Version, w.from.Version, major)
	}
	return fmt.Sprintf("bring %s to every receiver before a sender uses it, or %s", w.from.Version, major)
}

// told is what a keyword says, for people.
func told(parts []part, keyword string) string {
	for _, p := range parts {
		if v, ok := p.say(keyword); ok {
			return strings.TrimSpace(keyword + " " + compact(v))
		}
	}
	return "no " + keyword
}

func (w *walk) both(from contents, into part, keyword string) string {
	return fmt.Sprintf("%s in %s, %s in %s", told(from.parts, keyword), w.from.Version, told([]part{into}, keyword), w.into.Version)
}
