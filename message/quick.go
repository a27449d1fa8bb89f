package message

import (
	"bytes"
	"hash/maphash"
	"unicode/utf8"

	"github.com/webhuis/cfengine-messages/scan"
)

// quick passes over JSON that reader is sure to take, in a third of the time.
// It refuses nothing and words nothing: what it does not take, reader judges.
// So it may leave to reader what is rare: escapes in names, \u in texts, long
// objects.
type quick struct {
	src   []byte
	depth int // levels allowed
	names [manyNames]uint64
	count int // of names: those of the objects that are open, by their hashes
}

// manyNames is from how many names on reader is the faster one to compare them.
const manyNames = 128

// quickNames is random in each process, so nobody can find names that collide.
var quickNames = maphash.MakeSeed()

// value gives the end of the value at i.
func (q *quick) value(i int) int {
	if i >= len(q.src) {
		return scan.Nowhere
	}
	switch q.src[i] {
	case '"':
		return q.text(i)
	case '{':
		return q.object(i)
	case '[':
		return q.array(i)
	case 't':
		return q.word(i, "true")
	case 'f':
		return q.word(i, "false")
	case 'n':
		return q.word(i, "null")
	}
	end, _ := scan.Number(q.src, i)
	if end-i > numberLimit {
		return scan.Nowhere
	}
	return end
}

func (q *quick) word(i int, word string) int {
	if !bytes.HasPrefix(q.src[i:], []byte(word)) {
		return scan.Nowhere
	}
	return i + len(word)
}

func (q *quick) text(i int) int {
	end, form := scan.Text(q.src, i)
	switch {
	case end == scan.Nowhere,
		form&scan.Foreign != 0 && !utf8.Valid(q.src[i:end]),
		form&scan.Escaped != 0 && bytes.Contains(q.src[i:end], []byte(`\u`)): // NUL, or half a character
		return scan.Nowhere
	}
	return end
}

// fill takes a string that is not empty and has no escapes, all ASCII, for what
// was not filled before.
func (q *quick) fill(s *string, i int) int {
	if !q.at(i, '"') || *s != "" {
		return scan.Nowhere
	}
	end, form := scan.Text(q.src, i)
	if end == scan.Nowhere || form != 0 || end == i+2 {
		return scan.Nowhere
	}
	*s = known(q.src[i+1 : end-1])
	return end
}

// known is string, without an allocation for what stands in every message.
func known(text []byte) string {
	switch string(text) {
	case algNode:
		return algNode
	case algListener:
		return algListener
	case typMessage:
		return typMessage
	case "1.0":
		return "1.0"
	}
	return string(text)
}

func (q *quick) array(i int) int {
	if q.depth--; q.depth < 0 {
		return scan.Nowhere
	}
	i, more := q.first(i, ']')
	for more {
		i, more = q.next(q.value(i), ']')
	}
	q.depth++
	return i
}

func (q *quick) object(i int) int {
	if q.depth--; q.depth < 0 {
		return scan.Nowhere
	}
	outer := q.count
	i, more := q.first(i, '}')
	for more {
		name, at := q.name(i)
		if at == scan.Nowhere || !q.isNew(name, outer) {
			return scan.Nowhere
		}
		i, more = q.next(q.value(at), '}')
	}
	q.count = outer
	q.depth++
	return i
}

// first goes into an object or array that the bracket at i opens and end closes.
// It gives where the first member or element begins, or where all ends.
func (q *quick) first(i int, end byte) (at int, more bool) {
	i = scan.Space(q.src, i+1)
	if q.at(i, end) {
		return i + 1, false
	}
	return i, true
}

// next does the same after a member or element.
func (q *quick) next(i int, end byte) (at int, more bool) {
	if i == scan.Nowhere {
		return scan.Nowhere, false
	}
	i = scan.Space(q.src, i)
	switch {
	case q.at(i, ','):
		return scan.Space(q.src, i+1), true
	case q.at(i, end):
		return i + 1, false
	}
	return scan.Nowhere, false
}

// name gives the name at i, and where its value begins.
func (q *quick) name(i int) (name []byte, at int) {
	if !q.at(i, '"') {
		return nil, scan.Nowhere
	}
	end, form := scan.Text(q.src, i)
	if end == scan.Nowhere || form&scan.Escaped != 0 || form&scan.Foreign != 0 && !utf8.Valid(q.src[i:end]) {
		return nil, scan.Nowhere
	}
	at = scan.Space(q.src, end)
	if !q.at(at, ':') {
		return nil, scan.Nowhere
	}
	return q.src[i+1 : end-1], scan.Space(q.src, at+1)
}

// isNew tells whether a name is the first of its kind in the innermost object,
// whose names begin at outer.
func (q *quick) isNew(name []byte, outer int) bool {
	if q.count == manyNames {
		return false
	}
	hash := maphash.Bytes(quickNames, name)
	for _, known := range q.names[outer:q.count] {
		if known == hash {
			return false
		}
	}
	q.names[q.count] = hash
	q.count++
	return true
}

func (q *quick) at(i int, c byte) bool { return i < len(q.src) && q.src[i] == c }

// ends tells whether a value that ends at i is all that src has.
func (q *quick) ends(i int) bool {
	return i != scan.Nowhere && scan.Space(q.src, i) == len(q.src)
}

// quickCheck is CheckJSON for what is ordinary; false leaves it to reader.
func quickCheck(b []byte, depth int) bool {
	q := quick{src: b, depth: depth}
	return q.ends(q.value(scan.Space(b, 0)))
}
