package plan

import "math/bits"

// decimal is a number held exactly: digits / 10^scale, and its sign. It has no
// zeros at the end of its fraction.
type decimal struct {
	negative bool
	digits   uint64
	scale    uint8
}

const maxDigits = 18

var powers = func() (p [maxDigits + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// parseDecimal reads a number of JSON's grammar. Not ok are exponents, and more
// digits than it can hold.
func parseDecimal(number []byte) (d decimal, ok bool) {
	count, scale := 0, 0
	for i, c := range number {
		switch {
		case c == '-':
			d.negative = true
		case c == '.':
			scale = len(number) - i - 1
		case '0' <= c && c <= '9':
			d.digits = 10*d.digits + uint64(c-'0')
			count++
		default:
			return d, false
		}
	}
	if count > maxDigits {
		return d, false
	}
	for scale > 0 && d.digits%10 == 0 {
		d.digits /= 10
		scale--
	}
	d.scale = uint8(scale)
	return d, true
}

func (d decimal) isWhole() bool { return d.scale == 0 }

// compare gives -1, 0 or 1 as d is less than, equal to or greater than e.
func (d decimal) compare(e decimal) int {
	switch {
	case d.digits == 0 && e.digits == 0:
		return 0 // -0 is 0
	case d.sign() != e.sign():
		return max(-1, min(1, d.sign()-e.sign()))
	case d.negative:
		return e.compareSize(d)
	}
	return d.compareSize(e)
}

func (d decimal) sign() int {
	switch {
	case d.digits == 0:
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compareSize compares without the signs, over a common denominator of 128 bits.
func (d decimal) compareSize(e decimal) int {
	dHigh, dLow := bits.Mul64(d.digits, powers[e.scale])
	eHigh, eLow := bits.Mul64(e.digits, powers[d.scale])
	switch {
	case dHigh > eHigh || dHigh == eHigh && dLow > eLow:
		return 1
	case dHigh == eHigh && dLow == eLow:
		return 0
	}
	return -1
}

// multipleOf judges integers only.
func (d decimal) multipleOf(e decimal) verdict {
	if d.scale != 0 || e.scale != 0 || e.digits == 0 {
		return unsure
	}
	if d.digits%e.digits != 0 {
		return breaks
	}
	return fits
}
