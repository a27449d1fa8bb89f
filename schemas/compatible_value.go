package schemas

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// eachValue tries the few values that there are.
func (w *walk) eachValue(from contents, into part, values []any) {
	keyword := "const"
	if !from.has(func(p part) bool { return p.has(keyword) }) {
		keyword = "enum"
	}
	accepts, err := into.compile()
	if err != nil {
		w.differ(from, into, keyword, verdict{undecided: true, why: "the validator cannot take the schema by itself"})
		return
	}
	for _, v := range values {
		if !accepts(v) {
			w.differ(from, into, keyword, verdict{why: fmt.Sprintf("%s accepts %s, %s does not", w.from.Version, compact(v), w.into.Version)})
		}
	}
}

func (w *walk) types(from contents, into part) {
	left := from.kinds() &^ into.kinds()
	var lost []string
	for _, name := range []string{"null", "boolean", "object", "array", "string", "integer"} {
		if left&kindsOf[name] != 0 {
			lost = append(lost, name)
		}
	}
	if left&aFraction != 0 {
		lost = append(lost, "number with a fraction")
	}
	if len(lost) > 0 {
		w.differ(from, into, "type", verdict{why: fmt.Sprintf("%s accepts %s, %s does not", w.from.Version, strings.Join(lost, ", "), w.into.Version)})
	}
}

// only judges keywords that hold where from has the same and, as from takes
// more than a few values, not otherwise.
func (w *walk) only(from contents, into part, keyword string) {
	v, _ := into.say(keyword)
	idle := v == false && keyword == "uniqueItems" || keyword == "enum" && len(asList(v)) == 0
	if idle || from.same(into, keyword) {
		return
	}
	w.differ(from, into, keyword, verdict{why: w.both(from, into, keyword)})
}

// text judges pattern and format: what they accept is not compared.
func (w *walk) text(from contents, into part, keyword string) {
	if from.same(into, keyword) {
		return
	}
	w.differ(from, into, keyword, verdict{undecided: from.has(shapesText), why: w.both(from, into, keyword)})
}

// shapesText: how long such a text is, and of what, is not known.
func shapesText(p part) bool { return p.has("pattern") || p.has("format") }

func (w *walk) multiple(from contents, into part) {
	of := number(into, "multipleOf")
	if from.has(func(p part) bool {
		is := number(p, "multipleOf")
		return is != nil && of != nil && of.Sign() > 0 && new(big.Rat).Quo(is, of).IsInt()
	}) {
		return
	}
	if of != nil && of.Cmp(big.NewRat(1, 1)) == 0 && from.kinds()&aFraction == 0 {
		return
	}
	w.differ(from, into, "multipleOf", verdict{why: w.both(from, into, "multipleOf")})
}

func number(p part, keyword string) *big.Rat {
	v, _ := p.say(keyword)
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	r, _ := new(big.Rat).SetString(string(n))
	return r
}

// limit judges what bounds numbers, lengths and counts.
func (w *walk) limit(from contents, into part, keyword string) {
	upper := strings.Contains(strings.ToLower(keyword), "max")
	asked := bound(into, keyword, upper, from)
	has := own(from, keyword, upper)
	for _, p := range from.parts {
		for _, k := range []string{keyword, other(keyword)} {
			if b := bound(p, k, upper, from); b.within(has, upper) {
				has = b
			}
		}
	}
	if asked.at == nil || has.within(asked, upper) {
		return
	}
	undecided := concerns[keyword] == aString && from.has(shapesText)
	w.differ(from, into, keyword, verdict{undecided: undecided, why: w.both(from, into, keyword)})
}

// other is the keyword that bounds the same: its counterpart, exclusive or not.
func other(keyword string) string {
	switch keyword {
	case "minimum":
		return "exclusiveMinimum"
	case "exclusiveMinimum":
		return "minimum"
	case "maximum":
		return "exclusiveMaximum"
	case "exclusiveMaximum":
		return "maximum"
	}
	return keyword
}

// edge is one end of a range; at nil is no end.
type edge struct {
	at   *big.Rat
	open bool // the end itself is outside
}

func bound(p part, keyword string, upper bool, of contents) edge {
	e := edge{at: number(p, keyword), open: strings.HasPrefix(keyword, "exclusive")}
	if e.at != nil && (concerns[keyword] != aNumber || of.kinds()&aFraction == 0) {
		return e.toInteger(upper)
	}
	return e
}

// own is the bound that counts have without saying so.
func own(of contents, keyword string, upper bool) edge {
	switch {
	case keyword == "minProperties":
		return edge{at: big.NewRat(int64(len(of.required())), 1)}
	case keyword == "maxProperties":
		if names, closed := of.closed(); closed {
			return edge{at: big.NewRat(int64(len(names)), 1)}
		}
	case !upper && concerns[keyword] != aNumber:
		return edge{at: new(big.Rat)}
	}
	return edge{}
}

// toInteger moves an end to the outermost integer inside.
func (e edge) toInteger(upper bool) edge {
	floor := new(big.Int).Div(e.at.Num(), e.at.Denom()) // rounds down, as denominators are positive
	at := new(big.Rat).SetInt(floor)
	isInt := e.at.IsInt()
	one := big.NewRat(1, 1)
	switch {
	case upper && isInt && e.open:
		at.Sub(at, one)
	case !upper && (!isInt || e.open):
		at.Add(at, one)
	}
	return edge{at: at}
}

// within tells whether a range that ends at e lies in one that ends at f.
func (e edge) within(f edge, upper bool) bool {
	if f.at == nil || e.at == nil {
		return f.at == nil
	}
	c := e.at.Cmp(f.at)
	if upper {
		c = -c
	}
	return c > 0 || c == 0 && (e.open || !f.open)
}
