// Package scan finds where the parts of a JSON text end (RFC 8259), as fast as
// bytes can be looked at. It makes nothing of them and words no fault: who gets
// Nowhere asks a parser.
package scan

// Nowhere is the end of what is not JSON, or too odd to follow.
const Nowhere = -1

// Space passes over white space (RFC 8259 section 2).
func Space(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' {
		switch src[i] {
		case ' ', '\t', '\r', '\n':
			i++
		default:
			return i
		}
	}
	return i
}

// Number gives the end of the number at i (RFC 8259 section 6), and whether it is
// written as an integer. An exponent of three digits is too odd to follow.
func Number(src []byte, i int) (end int, whole bool) {
	if i < len(src) && src[i] == '-' {
		i++
	}
	start := i
	i = digits(src, i)
	if i == start || src[start] == '0' && i > start+1 {
		return Nowhere, false
	}
	whole = true
	if i < len(src) && src[i] == '.' {
		start, whole = i+1, false
		if i = digits(src, start); i == start {
			return Nowhere, false
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		whole = false
		if i++; i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		start = i
		if i = digits(src, start); i == start || i > start+2 {
			return Nowhere, false
		}
	}
	return i, whole
}

func digits(src []byte, i int) int {
	for i < len(src) && '0' <= src[i] && src[i] <= '9' {
		i++
	}
	return i
}
