package schemas

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Way says whose contents a difference concerns; the words are Confluent's
// (facts/peers.md section 4).
type Way string

const (
	Backward Way = "backward" // contents of the old version, under the new one
	Forward  Way = "forward"  // contents of the new version, under the old one
)

// Difference is one reason why contents that fit one version of a schema may
// not fit another.
type Difference struct {
	Way       Way
	Pointer   string // JSON pointer of the keyword or property: in the new document where it is there, else in the old
	Undecided bool   // it cannot be told whether there are such contents
	Why       string // a clause for people
	WayOut    string // what to do about it
}

// Compatible tells whether two versions of a schema can be used side by side
// (DESIGN.md section 8): where no difference of a way is found, every content
// that fits the one fits the other. Both ways hold where there is none at all.
// A property added to closed content is a difference forward: who knows the
// old version only refuses it.
//
// It walks the keywords that it understands and reports the others, unless
// both versions have them alike, as undecided. So nothing is called compatible
// that is not, but some things are called undecided that are. Differences come
// in the order of their pointers, the same at every call. A change of x-entity
// or x-kind is one, too, for it changes what a message means and how it is sent.
//
// The error says that a document is no schema, or that the two are not an
// older and a newer version of one.
func Compatible(old, new []byte) ([]Difference, error) {
	was, err := Parse("old", old)
	if err != nil {
		return nil, err
	}
	is, err := Parse("new", new)
	if err != nil {
		return nil, err
	}
	if err := successive(was, is); err != nil {
		return nil, err
	}
	differences := vocabulary(was, is)
	differences = append(differences, compare(was, is, Backward)...)
	differences = append(differences, compare(is, was, Forward)...)
	slices.SortStableFunc(differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Way, b.Way), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(differences), nil
}

// Parse reads one document that lies in no folder of schemas, and compiles it.
// Its $id says which schema and version it is; file is how errors name it.
func Parse(file string, document []byte) (*Schema, error) {
	c := checker{file: file}
	doc := c.decode(document)
	if doc == nil {
		return nil, c.faults[0]
	}
	text, _ := doc["$id"].(string)
	id, version, _ := strings.Cut(strings.TrimPrefix(text, urn), ":")
	if !strings.HasPrefix(text, urn) || !validID(id) || !validVersion(version) {
		c.fault("/$id", "expected %s<id>:<major.minor>, found %s", urn, foundMember(doc, "$id"))
		return nil, c.faults[0]
	}
	s, err := load(file, id, version, document)
	if err != nil {
		return nil, err
	}
	return s, s.Compile()
}

func successive(old, new *Schema) error {
	was, _ := parseVersion(old.Version)
	is, _ := parseVersion(new.Version)
	switch {
	case old.ID != new.ID:
		return fmt.Errorf("old is of schema %s and new of schema %s: name two versions of one schema", old.ID, new.ID)
	case was.compare(is) == 0:
		return fmt.Errorf("both are %s %s: a published version never changes; give the new one a new version in its $id", old.ID, old.Version)
	case was.compare(is) > 0:
		return fmt.Errorf("old is %s %s and new is %[1]s %[3]s: name the older one first", old.ID, old.Version, new.Version)
	}
	return nil
}

// vocabulary compares what a schema says it is.
func vocabulary(old, new *Schema) []Difference {
	var differences []Difference
	for _, d := range []struct {
		keyword string
		same    bool
		effect  string
	}{
		{"x-entity", reflect.DeepEqual(old.Entity, new.Entity), "what a message is about"},
		{"x-kind", old.Kind == new.Kind, "how a message is sent where policy is silent"},
	} {
		if d.same {
			continue
		}
		why := fmt.Sprintf("%s in %s, %s in %s: it decides %s", compact(old.doc[d.keyword]), old.Version, compact(new.doc[d.keyword]), new.Version, d.effect)
		for _, way := range []Way{Backward, Forward} {
			differences = append(differences, Difference{Way: way, Pointer: "/" + d.keyword, Why: why,
				WayOut: "leave it as it is, or publish the document as " + nextMajor(old)})
		}
	}
	return differences
}

func nextMajor(s *Schema) string {
	v, _ := parseVersion(s.Version)
	return itoa(v.major+1) + ".0"
}

// compare looks for content that fits from and not into.
func compare(from, into *Schema, way Way) []Difference {
	w := &walk{way: way, from: from, into: into, open: map[string]bool{}, budget: maxSteps}
	w.fits(contents{parts: []part{{value: from.doc, doc: from}}}, part{value: into.doc, doc: into})
	return w.found
}
