package plan

import "encoding/json"

// doubt leaves a keyword, whose value is not as expected or not planned, to the
// validator.
func (r *reader) doubt(n *node) { n.rest = unsure }

// count reads a bound that is a small whole number. absent, which also stands for
// what cannot be read, must ask for nothing.
func (r *reader) count(n *node, s map[string]any, keyword string, absent int) int {
	d := r.decimal(n, s, keyword)
	if d == nil {
		return absent
	}
	if d.negative || !d.isWhole() || d.digits > unbounded {
		r.doubt(n)
		return absent
	}
	return int(d.digits)
}

func (r *reader) decimal(n *node, s map[string]any, keyword string) *decimal {
	v, there := s[keyword]
	if !there {
		return nil
	}
	number, _ := v.(json.Number)
	d, ok := parseDecimal([]byte(number))
	if number == "" || !ok {
		r.doubt(n)
		return nil
	}
	return &d
}

func (r *reader) list(n *node, s map[string]any, keyword string) []any {
	v, there := s[keyword]
	list, ok := v.([]any)
	if there && !ok {
		r.doubt(n)
	}
	return list
}

func (r *reader) members(n *node, s map[string]any, keyword string) map[string]any {
	v, there := s[keyword]
	m, ok := v.(map[string]any)
	if there && !ok {
		r.doubt(n)
	}
	return m
}

func (r *reader) schemas(n *node, s map[string]any, keyword string) []*node {
	var nodes []*node
	for _, v := range r.list(n, s, keyword) {
		nodes = append(nodes, r.schema(v))
	}
	return nodes
}

// optional gives nil for a keyword that is not there.
func (r *reader) optional(s map[string]any, keyword string) *node {
	v, there := s[keyword]
	if !there {
		return nil
	}
	return r.schema(v)
}

// otherwise gives anything for a keyword that is not there.
func (r *reader) otherwise(s map[string]any, keyword string) *node {
	if n := r.optional(s, keyword); n != nil {
		return n
	}
	return anything
}
