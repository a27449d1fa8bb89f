package scan

import (
	"encoding/binary"
	"math/bits"
)

// Form says what a string holds beyond plain ASCII.
type Form uint8

const (
	Escaped Form = 1 << iota // escapes
	Foreign                  // bytes beyond ASCII
)

// Text gives the end of the string whose quote stands at i, after its other
// quote (RFC 8259 section 7). Whether it is UTF-8 is for who needs to know.
func Text(src []byte, i int) (end int, f Form) {
	for i++; ; {
		i = plainUntil(src, i)
		if i >= len(src) {
			return Nowhere, 0
		}
		switch c := src[i]; {
		case c == '"':
			return i + 1, f
		case c == '\\':
			size := escapeSize(src[i:])
			if size == 0 {
				return Nowhere, 0
			}
			f |= Escaped
			i += size
		case c < ' ':
			return Nowhere, 0
		default:
			f |= Foreign
			for i++; i < len(src) && src[i] >= 0x80; i++ {
			}
		}
	}
}

// Eight bytes at once; each mask has the bytes' top bits or the same byte eight times.
const (
	tops   = 0x8080808080808080
	ones   = 0x0101010101010101
	quotes = '"' * ones
	slants = '\\' * ones
	blanks = ' ' * ones
)

// plainUntil gives the next place of a quote, a backslash, a control character
// or a byte beyond ASCII.
func plainUntil(src []byte, i int) int {
	for ; i+8 <= len(src); i += 8 {
		x := binary.LittleEndian.Uint64(src[i:])
		q, s := x^quotes, x^slants
		// The lowest bit that is set is right; a borrow can only spoil higher ones.
		found := ((q-ones)&^q | (s-ones)&^s | (x-blanks)&^x | x) & tops
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(src) && isPlain(src[i]) {
		i++
	}
	return i
}

func isPlain(c byte) bool { return c >= ' ' && c < 0x80 && c != '"' && c != '\\' }

// escapeSize is the length of the escape that b begins with, 0 for none.
func escapeSize(b []byte) int {
	if _, ok := Unit(b); ok {
		return 6
	}
	if len(b) < 2 || Short(b[1]) == 0 {
		return 0
	}
	return 2
}

// Short is the character that a backslash and c stand for, 0 for none.
func Short(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// Unit reads the escape that b begins with where it is \u and four hex digits.
func Unit(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
