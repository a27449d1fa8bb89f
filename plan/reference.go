package plan

import "strings"

// follow gives the node that a $ref leads to.
func (r *reader) follow(ref string) *node {
	n, met := r.refs[ref]
	if !met {
		r.refs[ref] = nil
		n = r.schemaOf(r.lookup(ref), ref)
		r.refs[ref] = n
	}
	if n == nil {
		r.lost = true
		return anything
	}
	return n
}

// target is where the $ref of a schema leads, without the document's own name.
func (r *reader) target(s map[string]any) string {
	ref, _ := s["$ref"].(string)
	if r.id != "" {
		ref = strings.TrimPrefix(ref, r.id)
	}
	if ref == "" {
		return "#"
	}
	return ref
}

// lookup finds the schema that a $ref names by its JSON pointer (RFC 6901).
// It gives nil for what is found otherwise: by an anchor, in another document,
// in an array.
func (r *reader) lookup(ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || strings.Contains(pointer, "%") {
		return nil
	}
	if pointer == "" {
		return r.document
	}
	if pointer[0] != '/' {
		return nil
	}
	v := r.document
	for token := range strings.SplitSeq(pointer[1:], "/") {
		s, _ := v.(map[string]any)
		v = s[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
		if m, ok := v.(map[string]any); ok && isDocument(m) {
			return nil
		}
	}
	return v
}
