package plan

import "encoding/json"

// enum is the set of the values that enum or const allows. A nil enum allows any.
type enum struct {
	texts     map[string]struct{}
	words     map[string]struct{} // of true, false and null
	numbers   []decimal
	compounds bool // it has arrays or objects
	odd       bool // it has numbers that are not held exactly
}

func newEnum(values []any) *enum {
	e := &enum{texts: map[string]struct{}{}, words: map[string]struct{}{}}
	for _, v := range values {
		e.add(v)
	}
	return e
}

func (e *enum) add(v any) {
	switch v := v.(type) {
	case nil:
		e.words["null"] = struct{}{}
	case bool:
		word, _ := json.Marshal(v)
		e.words[string(word)] = struct{}{}
	case string:
		e.texts[v] = struct{}{}
	case json.Number:
		if d, ok := parseDecimal([]byte(v)); ok {
			e.numbers = append(e.numbers, d)
		} else {
			e.odd = true
		}
	default:
		e.compounds = true
	}
}

func (e *enum) text(value []byte) verdict {
	if e == nil {
		return fits
	}
	return has(e.texts, value)
}

func (e *enum) word(word string) verdict {
	if e == nil {
		return fits
	}
	return has(e.words, []byte(word))
}

func has(set map[string]struct{}, value []byte) verdict {
	if _, ok := set[string(value)]; ok {
		return fits
	}
	return breaks
}

func (e *enum) number(d decimal) verdict {
	if e == nil {
		return fits
	}
	for _, one := range e.numbers {
		if d.compare(one) == 0 {
			return fits
		}
	}
	if e.odd {
		return unsure
	}
	return breaks
}

// compound judges any array or object.
func (e *enum) compound() verdict {
	switch {
	case e == nil:
		return fits
	case e.compounds:
		return unsure
	}
	return breaks
}
