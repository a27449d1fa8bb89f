package plan

// choose judges the value at i by the schemas that look at the same value, one
// after the other.
func (w *walker) choose(c *choices, i int) verdict {
	v := fits
	for _, n := range c.all {
		v = max(v, w.again(n, i))
	}
	if c.any != nil {
		v = max(v, w.some(c.any, i))
	}
	if c.one != nil {
		v = max(v, w.exactlyOne(c.one, i))
	}
	if c.not != nil {
		v = max(v, w.again(c.not, i).opposite())
	}
	if c.cond != nil {
		v = max(v, w.branch(c, i))
	}
	return v
}

// again judges a value that was passed over before.
func (w *walker) again(n *node, i int) verdict {
	if n == nil {
		return fits
	}
	end, v := w.value(n, i)
	if end == nowhere {
		return unsure
	}
	return v
}

func (w *walker) some(list []*node, i int) verdict {
	v := breaks
	for _, n := range list {
		if v = min(v, w.again(n, i)); v == fits {
			return fits
		}
	}
	return v
}

func (w *walker) exactlyOne(list []*node, i int) verdict {
	var counts [breaks + 1]int
	for _, n := range list {
		counts[w.again(n, i)]++
	}
	switch {
	case counts[fits] > 1:
		return breaks
	case counts[unsure] > 0:
		return unsure
	case counts[fits] == 1:
		return fits
	}
	return breaks
}

// branch is if, then and else.
func (w *walker) branch(c *choices, i int) verdict {
	switch w.again(c.cond, i) {
	case fits:
		return w.again(c.then, i)
	case breaks:
		return w.again(c.other, i)
	}
	return unsure
}
