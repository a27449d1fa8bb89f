// Package plan accepts, in one pass over its bytes, what a JSON Schema is sure
// to accept. It makes nothing of the bytes and refuses nothing: what it does
// not accept is a doubt, for a full validator to decide and to put into words.
//
// So it may know less than JSON Schema does, and may never know better. It
// reads documents of draft 2020-12 as github.com/santhosh-tekuri/jsonschema/v5
// reads them, with format asserted, and takes JSON as encoding/json does: of a
// name given twice the last value counts.
//
// A keyword that is not planned, a number whose value is not exact in 18
// digits, an escape in a name that matters: each is a doubt, where it is met.
package plan

// Plan is what one schema asks for, made for speed. It is safe for concurrent
// use.
type Plan struct{ root *node }

// Formats finds the check of a format by its name; nil where format says
// nothing, as for a name that is not known.
type Formats func(name string) func(string) bool

// New makes the plan of a schema, given as encoding/json decodes it with
// UseNumber. The schema has been accepted by the validator, or will be before
// its plan is believed: New does not look for mistakes. It gives nil, which
// accepts nothing, for a document that is laid out beyond what it follows.
func New(schema any, formats Formats) *Plan {
	r := newReader(schema, formats)
	root := r.follow("#")
	if r.lost || circular(r.all) {
		return nil
	}
	return &Plan{root: root}
}

// Accepts tells whether content is one JSON value that the schema accepts,
// for certain; false says nothing. The content may be any bytes.
func (p *Plan) Accepts(content []byte) bool {
	if p == nil {
		return false
	}
	w := walker{src: content}
	end, v := w.value(p.root, w.space(0))
	return end != nowhere && v == fits && !w.lost && w.space(end) == len(content)
}
