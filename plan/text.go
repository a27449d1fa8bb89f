package plan

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/webhuis/cfengine-messages/scan"
)

// textRules are the keywords for strings. Lengths count code points.
type textRules struct {
	min, max int
	pattern  *pattern
	format   func(string) bool
}

func (w *walker) text(n *node, i int) (int, verdict) {
	end, f := scan.Text(w.src, i)
	if end == nowhere {
		return nowhere, unsure
	}
	v := n.types.allow(text)
	if n.text == nil && n.enum == nil {
		return end, v
	}
	value, ok := w.read(w.src[i+1:end-1], f)
	if !ok {
		return end, max(v, unsure)
	}
	return end, max(v, n.enum.text(value), w.judge(n.text, value, f))
}

// read gives a text as decoding would. It gives up where that would put
// replacement characters: at bytes that are no UTF-8, and at lone surrogates.
func (w *walker) read(quoted []byte, f scan.Form) ([]byte, bool) {
	if f&scan.Foreign != 0 && !utf8.Valid(quoted) {
		return nil, false
	}
	if f&scan.Escaped == 0 {
		return quoted, true
	}
	var ok bool
	w.scratch, ok = unescape(w.scratch[:0], quoted)
	return w.scratch, ok
}

// unescape appends what the escapes of a text stand for, all of which are valid.
func unescape(to, quoted []byte) ([]byte, bool) {
	for i := 0; i < len(quoted); {
		if quoted[i] != '\\' {
			to = append(to, quoted[i])
			i++
			continue
		}
		r, isUnit := scan.Unit(quoted[i:])
		if !isUnit {
			to = append(to, scan.Short(quoted[i+1]))
			i += 2
			continue
		}
		i += 6
		if utf16.IsSurrogate(r) {
			low, _ := scan.Unit(quoted[i:])
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return to, false
			}
			i += 6
		}
		to = utf8.AppendRune(to, r)
	}
	return to, true
}

func (w *walker) judge(t *textRules, value []byte, f scan.Form) verdict {
	if t == nil {
		return fits
	}
	length := len(value)
	if f != 0 {
		length = utf8.RuneCount(value)
	}
	switch {
	case length < t.min || length > t.max,
		t.pattern != nil && !w.matches(t.pattern, value),
		t.format != nil && !t.format(string(value)):
		return breaks
	}
	return fits
}

func (w *walker) matches(p *pattern, value []byte) bool {
	matched, ok := p.match(value)
	if !ok {
		w.lost = true
	}
	return matched
}
