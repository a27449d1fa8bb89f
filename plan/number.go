package plan

// numberRules are the keywords for numbers; nil ones ask for nothing.
type numberRules struct {
	min, above, max, below, multiple *decimal
}

func (w *walker) number(n *node, i int) (int, verdict) {
	end, whole := scanNumber(w.src, i)
	if end == nowhere || end-i > maxNumber {
		return nowhere, unsure
	}
	if whole && n.number == nil && n.enum == nil {
		return end, n.types.allow(integer)
	}
	d, ok := parseDecimal(w.src[i:end])
	if !ok {
		return end, n.unread(whole)
	}
	if whole || d.isWhole() {
		return end, max(n.types.allow(integer), n.number.judge(d), n.enum.number(d))
	}
	return end, max(n.types.allow(fraction), n.number.judge(d), n.enum.number(d))
}

// unread judges a number by its type alone.
func (n *node) unread(whole bool) verdict {
	v := n.types.allow(integer)
	if !whole && v != n.types.allow(fraction) {
		v = unsure
	}
	if n.number != nil || n.enum != nil {
		v = max(v, unsure)
	}
	return v
}

func (r *numberRules) judge(d decimal) verdict {
	if r == nil {
		return fits
	}
	switch {
	case r.min != nil && d.compare(*r.min) < 0,
		r.above != nil && d.compare(*r.above) <= 0,
		r.max != nil && d.compare(*r.max) > 0,
		r.below != nil && d.compare(*r.below) >= 0:
		return breaks
	case r.multiple != nil:
		return d.multipleOf(*r.multiple)
	}
	return fits
}

// scanNumber gives the end of the number at i (RFC 8259 section 6), and whether
// it is written as an integer. An exponent of three digits is too odd to follow.
func scanNumber(src []byte, i int) (end int, whole bool) {
	if i < len(src) && src[i] == '-' {
		i++
	}
	start := i
	i = digits(src, i)
	if i == start || src[start] == '0' && i > start+1 {
		return nowhere, false
	}
	whole = true
	if i < len(src) && src[i] == '.' {
		start, whole = i+1, false
		if i = digits(src, start); i == start {
			return nowhere, false
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		whole = false
		if i++; i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		start = i
		if i = digits(src, start); i == start || i > start+2 {
			return nowhere, false
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
