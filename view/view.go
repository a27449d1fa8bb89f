// Package view answers named, authorised questions about the truth (DESIGN.md
// section 11). A view is one YAML file: who may ask, and for each container of
// the answer a SELECT over the truth's schemas.
//
//	for: sender                        # sender | trusted | a list of digests; left out it is nobody
//	publish_on: [host, domain]         # schemas whose change changes the answer: where the SQL names
//	                                   # :sender, what a host says of itself changes its own alone
//	parameters: [domain]               # names that the SQL may use beside :sender
//	merge: [site, domain, host]        # single containers that make up "merged", the last one wins
//	containers:
//	  host:  {single: true, sql: "SELECT content FROM host WHERE entity = :sender"}
//	  hosts: {sql: "SELECT h.entity, n.content AS network FROM host h JOIN …", json: [network]}
//
// The answer is an object of the containers. A container is an array with an
// element for each row, or, where it is single, that one element; a single one
// without a row is left out. A row is an object of its columns, without those
// that are NULL; the column content, and those that json names, hold JSON, which
// goes out byte for byte. A content that is the only column stands for the row.
// Rows come in the order of the SELECT, or, where it has no ORDER BY, in the
// order of their bytes: the same truth gives the same answer.
//
// What nodes say never becomes SQL: it is bound to parameters or lies in the
// truth. What site files say is SQL, and is held to reading: see Check.
package view

import (
	"maps"
	"slices"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// View is one named question. It is made by Load and not changed afterwards.
type View struct {
	Name       string // [a-z][a-z0-9_]{0,63}: it names a file on the node
	For        Audience
	PublishOn  []string // schema ids
	Parameters []string // that the SQL may name, beside sender
	Merge      []string // containers that make up the container merged; the last one wins
	Containers []Container
	File       string // where it was read; "built-in:<name>.yaml" for those of this project
}

// Container is one part of a view's answer.
type Container struct {
	Name   string
	Single bool     // one value rather than an array
	JSON   []string // columns, beside content, that hold JSON
	SQL    string

	statement statement
	place     place
}

// Audience is who may ask. The zero value is nobody.
type Audience struct {
	Sender  bool             // each host, about itself
	Trusted bool             // each host whose key is trusted
	Digests []hostkey.Digest // these
}

// Somebody tells whether it is anybody at all.
func (a Audience) Somebody() bool { return a.Sender || a.Trusted || len(a.Digests) > 0 }

// Allows tells whether requester, whom a signature under a trusted key has
// proved, may ask. Who sent no signature ("") may not.
func (a Audience) Allows(requester hostkey.Digest) bool {
	return requester != "" && (a.Sender || a.Trusted || slices.Contains(a.Digests, requester))
}

// Published tells whether a view is published when the truth of a schema in
// publish_on changes: to whom it is for. One with parameters is not, for nobody
// is there to give them.
func (v *View) Published() bool {
	return v.For.Somebody() && len(v.PublishOn) > 0 && len(v.Parameters) == 0
}

// PerHost tells whether hosts may be told different things: the SQL names :sender.
func (v *View) PerHost() bool {
	return slices.ContainsFunc(v.Containers, func(c Container) bool { return slices.Contains(c.statement.parameters, sender) })
}

// Set is all the views there are. It is safe for concurrent use.
type Set struct{ views map[string]*View }

// Names are those of all views, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.views)) }

// Find returns the view of that name. Names may come from the wire: they are
// compared, never made into a path.
func (s *Set) Find(name string) (*View, bool) {
	v, ok := s.views[name]
	return v, ok
}

// Affected are the names of the views that are to be published anew when the
// truth of a schema changed, sorted.
func (s *Set) Affected(schema string) []string {
	var names []string
	for name, v := range s.views {
		if slices.Contains(v.PublishOn, schema) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
