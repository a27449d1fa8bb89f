package plan

import "bytes"

// arrayRules are the keywords for arrays.
type arrayRules struct {
	prefix   []*node
	items    *node // for those after prefix
	min, max int
	contains *node // nil for no such rule
	// How many items contain.
	minContains, maxContains int
	unique                   bool
}

const unbounded = 1<<31 - 1

func newArrayRules() *arrayRules {
	return &arrayRules{items: anything, max: unbounded, minContains: 1, maxContains: unbounded}
}

var anyArray = newArrayRules()

// items is what was met of one array.
type items struct {
	count          int
	v              verdict
	contain, maybe int // how many fit contains, how many might
	texts          [][]byte
	odd            bool // some are no plain texts
}

func (w *walker) array(n *node, i int) (int, verdict) {
	if w.depth++; w.depth > maxDepth {
		return nowhere, unsure
	}
	a := n.array
	if a == nil {
		a = anyArray
	}
	var m items
	end := w.items(a, &m, i)
	if end == nowhere {
		return nowhere, unsure
	}
	w.depth--
	return end, max(n.types.allow(array), a.judge(&m), n.enum.compound())
}

func (w *walker) items(a *arrayRules, m *items, i int) int {
	i = w.space(i + 1)
	if w.at(i, ']') {
		return i + 1
	}
	for {
		end := w.item(a, m, i)
		if end == nowhere {
			return nowhere
		}
		i = w.space(end)
		if w.at(i, ']') {
			return i + 1
		}
		if !w.at(i, ',') {
			return nowhere
		}
		i = w.space(i + 1)
	}
}

func (w *walker) item(a *arrayRules, m *items, i int) int {
	n := a.items
	if m.count < len(a.prefix) {
		n = a.prefix[m.count]
	}
	m.count++
	end, v := w.value(n, i)
	if end == nowhere {
		return nowhere
	}
	m.v = max(m.v, v)
	if a.contains != nil {
		switch w.again(a.contains, i) {
		case fits:
			m.contain++
		case unsure:
			m.maybe++
		}
	}
	if a.unique {
		m.collect(w.src[i:end])
	}
	return end
}

// maxUnique bounds how many items are compared, each with each.
const maxUnique = 64

// collect keeps what uniqueItems compares: texts that are written in one way only.
func (m *items) collect(item []byte) {
	if item[0] != '"' || bytes.IndexByte(item, '\\') >= 0 || !isASCII(item) || len(m.texts) == maxUnique {
		m.odd = true
		return
	}
	m.texts = append(m.texts, item)
}

func (a *arrayRules) judge(m *items) verdict {
	if m.count < a.min || m.count > a.max {
		return breaks
	}
	v := m.v
	if a.contains != nil {
		v = max(v, a.contained(m))
	}
	if a.unique {
		v = max(v, m.unique())
	}
	return v
}

func (a *arrayRules) contained(m *items) verdict {
	switch {
	case m.contain > a.maxContains || m.contain+m.maybe < a.minContains:
		return breaks
	case m.contain+m.maybe > a.maxContains || m.contain < a.minContains:
		return unsure
	}
	return fits
}

func (m *items) unique() verdict {
	for i, a := range m.texts {
		for _, b := range m.texts[:i] {
			if bytes.Equal(a, b) {
				return breaks
			}
		}
	}
	if m.odd && m.count > 1 {
		return unsure
	}
	return fits
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
