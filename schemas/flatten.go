package schemas

import (
	"cmp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// fault is one leaf of v5's tree of errors: a keyword that does not hold at a
// place of the content. Words for it are found only once it is among those told.
type fault struct {
	instance string   // JSON pointer into the content
	keyword  string   // JSON pointer of the keyword in the schema's document
	own      bool     // the keyword is the document's own, not the meta-schema's
	message  string   // v5's words, where there are no better ones
	choices  []string // for alternatives of which none fits: the pointers of their schemas
	name     string   // for a missing or an unknown property: which
}

// invalid turns v5's tree into the few problems that are told.
func (s *Schema) invalid(refused *jsonschema.ValidationError, content any) *Invalid {
	x := explainer{id: urn + s.ID + ":" + s.Version, doc: s.doc, content: content}
	faults := x.flatten(refused)
	slices.SortFunc(faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.keyword, b.keyword), cmp.Compare(a.name, b.name))
	})
	faults = slices.CompactFunc(faults, sameValue)
	invalid := &Invalid{Schema: s.ID, Version: s.Version}
	for _, f := range faults[:min(len(faults), maxProblems)] {
		invalid.Problems = append(invalid.Problems, x.problem(f))
	}
	invalid.More = len(faults) - len(invalid.Problems)
	return invalid
}

// sameValue: a value that breaks two rules of one schema, say too long and of
// the wrong characters, is one problem to the reader.
func sameValue(a, b fault) bool {
	of, _ := parent(a.keyword)
	schema, _ := parent(b.keyword)
	return a.instance == b.instance && a.own && b.own && of == schema && a.name == "" && b.name == ""
}

// flatten collects the leaves under an error. Which kind of node it is shows in
// v5's message alone: a property may bear the name of any keyword.
func (x explainer) flatten(e *jsonschema.ValidationError) []fault {
	if e.Message == "anyOf failed" || e.Message == "oneOf failed" {
		return x.choose(e)
	}
	if len(e.Causes) == 0 || strings.HasSuffix(e.AbsoluteKeywordLocation, "/minContains") && e.Message != "" {
		return x.spread(x.fault(e))
	}
	var faults []fault
	for _, cause := range e.Causes {
		faults = append(faults, x.flatten(cause)...)
	}
	return faults
}

func (x explainer) fault(e *jsonschema.ValidationError) fault {
	document, keyword, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	return fault{
		instance: pointerOf(e.InstanceLocation),
		keyword:  pointerOf(keyword),
		own:      document == x.id,
		message:  e.Message,
	}
}

// spread makes one fault for each property that is missing or unknown; v5
// tells them all in one text.
func (x explainer) spread(f fault) []fault {
	schema, content, ok := x.places(f)
	if !ok {
		return []fault{f}
	}
	var faults []fault
	switch _, keyword := parent(f.keyword); keyword {
	case "required":
		for _, name := range missing(schema, content) {
			one := f
			one.name = name
			faults = append(faults, one)
		}
	case "additionalProperties":
		for _, name := range unknown(schema, content) {
			one := f
			one.name, one.instance = name, f.instance+"/"+escape(name)
			faults = append(faults, one)
		}
	}
	if len(faults) == 0 {
		return []fault{f}
	}
	return faults
}

// choose reduces alternatives of which none fits. Where the content has the
// shape of some, the one it comes closest to is meant, and its faults are told;
// otherwise all alternatives are named in one.
func (x explainer) choose(e *jsonschema.ValidationError) []fault {
	self := x.fault(e)
	var nearest []fault
	for _, cause := range e.Causes {
		branch := x.flatten(cause)
		if shaped(branch, self.instance) && (nearest == nil || distance(branch) < distance(nearest)) {
			nearest = branch
		}
	}
	content, _ := lookup(x.content, self.instance)
	if nearest != nil && compound(content) {
		return nearest
	}
	if !self.own {
		return x.flatten(e.Causes[0])
	}
	alternatives, _ := x.own(self)
	list, _ := alternatives.([]any)
	for i := range list {
		self.choices = append(self.choices, self.keyword+"/"+itoa(i))
	}
	return []fault{self}
}

// shaped tells whether content is of the sort that an alternative speaks of:
// no fault at the very place of the choice denies its type or value.
func shaped(branch []fault, instance string) bool {
	return !slices.ContainsFunc(branch, func(f fault) bool {
		_, keyword := parent(f.keyword)
		return f.instance == instance && (keyword == "type" || keyword == "const" || keyword == "enum" || f.message == notAllowed)
	})
}

// distance weighs a wrong const or enum most: it is what tells alternatives apart.
func distance(branch []fault) int {
	d := len(branch)
	for _, f := range branch {
		if _, keyword := parent(f.keyword); keyword == "const" || keyword == "enum" {
			d += 1000
		}
	}
	return d
}

func compound(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}
