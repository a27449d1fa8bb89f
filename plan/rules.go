package plan

func (r *reader) types(n *node, s map[string]any) {
	switch v := s["type"].(type) {
	case nil:
	case string:
		n.types = r.typeNamed(n, v)
	case []any:
		n.types = 0
		for _, name := range v {
			name, _ := name.(string)
			n.types |= r.typeNamed(n, name)
		}
	default:
		r.doubt(n)
	}
}

func (r *reader) typeNamed(n *node, name string) types {
	t, ok := typeNames[name]
	if !ok {
		r.doubt(n)
	}
	return t
}

func (r *reader) enum(n *node, s map[string]any) {
	values := r.list(n, s, "enum")
	if one, there := s["const"]; there {
		if values != nil {
			r.doubt(n) // both at once: too rare to plan
		}
		values = []any{one}
	}
	if len(values) > 0 {
		n.enum = newEnum(values)
	} else if s["enum"] != nil {
		r.doubt(n)
	}
}

func (r *reader) textRules(n *node, s map[string]any) {
	t := &textRules{min: r.count(n, s, "minLength", 0), max: r.count(n, s, "maxLength", unbounded)}
	if v, there := s["pattern"]; there {
		t.pattern = r.pattern(n, v)
	}
	if v, there := s["format"]; there {
		name, ok := v.(string)
		if !ok {
			r.doubt(n)
		}
		t.format = r.formats(name)
	}
	n.text = t
}

func (r *reader) pattern(n *node, v any) *pattern {
	source, ok := v.(string)
	if !ok {
		r.doubt(n)
		return nil
	}
	p := r.patterns[source]
	if p == nil {
		p = &pattern{source: source}
		r.patterns[source] = p
	}
	return p
}

func (r *reader) numberRules(n *node, s map[string]any) {
	n.number = &numberRules{
		min: r.decimal(n, s, "minimum"), above: r.decimal(n, s, "exclusiveMinimum"),
		max: r.decimal(n, s, "maximum"), below: r.decimal(n, s, "exclusiveMaximum"),
		multiple: r.decimal(n, s, "multipleOf"),
	}
}

func (r *reader) arrayRules(n *node, s map[string]any, g group) {
	a := newArrayRules()
	n.array = a
	a.prefix, a.items = r.schemas(n, s, "prefixItems"), r.otherwise(s, "items")
	a.min, a.max = r.count(n, s, "minItems", 0), r.count(n, s, "maxItems", unbounded)
	a.contains, a.maxContains = r.optional(s, "contains"), r.count(n, s, "maxContains", unbounded)
	if s["minContains"] != nil {
		a.minContains = r.count(n, s, "minContains", 0)
	}
	if v, there := s["uniqueItems"]; there {
		unique, ok := v.(bool)
		if a.unique = unique; !ok {
			r.doubt(n)
		}
	}
	if _, there := s["unevaluatedItems"]; !there {
		return
	}
	if n.rest != fits || g&(inPlace|reference) != 0 || a.contains != nil {
		r.doubt(n) // others may have evaluated some
	} else if s["items"] == nil {
		a.items = r.schema(s["unevaluatedItems"])
	}
}

func (r *reader) objectRules(n *node, s map[string]any, g group) {
	o := newObjectRules()
	n.object = o
	o.min, o.max = r.count(n, s, "minProperties", 0), r.count(n, s, "maxProperties", unbounded)
	o.names = newNames(r.properties(n, s, o))
	for source, v := range r.members(n, s, "patternProperties") {
		o.patterns = append(o.patterns, patternRule{pattern: r.pattern(n, source), node: r.schema(v)})
	}
	o.additional, o.eachName = r.otherwise(s, "additionalProperties"), r.optional(s, "propertyNames")
	if _, there := s["unevaluatedProperties"]; !there {
		return
	}
	if n.rest != fits || g&(inPlace|reference) != 0 {
		r.doubt(n) // others may have evaluated some
	} else if s["additionalProperties"] == nil {
		o.additional = r.schema(s["unevaluatedProperties"])
	}
}

// properties lists every name that a schema mentions.
func (r *reader) properties(n *node, s map[string]any, o *objectRules) []*property {
	var list []*property
	byName := map[string]*property{}
	for name, v := range r.members(n, s, "properties") {
		byName[name] = &property{name: name, node: r.schema(v)}
		list = append(list, byName[name])
	}
	for _, v := range r.list(n, s, "required") {
		name, ok := v.(string)
		if !ok {
			r.doubt(n)
			continue
		}
		if byName[name] == nil {
			byName[name] = &property{name: name}
			list = append(list, byName[name])
		}
		r.require(n, o, byName[name])
	}
	return list
}

// require gives a property its bit; there are 64.
func (r *reader) require(n *node, o *objectRules, p *property) {
	if p.bit != 0 {
		return
	}
	if p.bit = o.required + 1; p.bit == 0 {
		r.doubt(n)
		return
	}
	o.required |= p.bit
}

func (r *reader) choices(n *node, s map[string]any) {
	c := &choices{
		all: r.schemas(n, s, "allOf"), any: r.schemas(n, s, "anyOf"), one: r.schemas(n, s, "oneOf"),
		not: r.optional(s, "not"), cond: r.optional(s, "if"),
	}
	n.choices = c
	if c.cond != nil {
		c.then, c.other = r.optional(s, "then"), r.optional(s, "else")
	}
	if s["$ref"] != nil {
		c.all = append(c.all, r.follow(r.target(s)))
	}
}
