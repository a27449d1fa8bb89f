package plan

import "github.com/webhuis/cfengine-messages/scan"

// numberRules are the keywords for numbers; nil ones ask for nothing.
type numberRules struct {
	min, above, max, below, multiple *decimal
}

func (w *walker) number(n *node, i int) (int, verdict) {
	end, whole := scan.Number(w.src, i)
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
