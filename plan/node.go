package plan

// verdict is what is known of a value under a schema. The worse is the greater.
type verdict uint8

const (
	fits   verdict = iota // the validator accepts it
	unsure                // the validator must be asked
	breaks                // the validator refuses it: so an else, a not or another choice may hold
)

func (v verdict) opposite() verdict { return breaks - v }

// types is a set of JSON's types. A number is of two: an integer is a number
// without a fraction, however it is written.
type types uint8

const (
	null types = 1 << iota
	boolean
	integer
	fraction
	text
	array
	object
	everyType = 1<<iota - 1
)

var typeNames = map[string]types{
	"null": null, "boolean": boolean, "integer": integer, "number": integer | fraction,
	"string": text, "array": array, "object": object,
}

func (t types) allow(one types) verdict {
	if t&one == 0 {
		return breaks
	}
	return fits
}

// node is one schema. Rules that are nil ask for nothing.
type node struct {
	types   types
	rest    verdict // unsure where a keyword is not planned
	enum    *enum
	text    *textRules
	number  *numberRules
	array   *arrayRules
	object  *objectRules
	choices *choices
}

// anything is the schema true.
var anything = &node{types: everyType}

// choices are the schemas that look at the same value as the schema they stand in.
type choices struct {
	all, any, one []*node
	not           *node
	cond          *node
	then, other   *node // nil for anything
}

// same lists the schemas that look at the value that n looks at.
func (n *node) same() []*node {
	if n.choices == nil {
		return nil
	}
	c := n.choices
	list := append(append(append([]*node{}, c.all...), c.any...), c.one...)
	for _, m := range []*node{c.not, c.cond, c.then, c.other} {
		if m != nil {
			list = append(list, m)
		}
	}
	return list
}

// circular tells whether some schema comes back to itself without going down
// into the value: there would be no end.
func circular(all []*node) bool {
	const open, done = 1, 2
	state := map[*node]int{}
	var visit func(n *node) bool
	visit = func(n *node) bool {
		if state[n] != 0 {
			return state[n] == open
		}
		state[n] = open
		for _, m := range n.same() {
			if visit(m) {
				return true
			}
		}
		state[n] = done
		return false
	}
	for _, n := range all {
		if n.choices != nil && visit(n) {
			return true
		}
	}
	return false
}
