package plan

import "github.com/webhuis/cfengine-messages/scan"

// Bounds of what is walked; beyond them is a doubt. The validator's own guard
// has 64 levels and numbers of 40 bytes (facts/storage.md 7.2).
const (
	maxDepth  = 60
	maxNumber = 40
)

// nowhere is the end of what is no JSON, or too odd to follow.
const nowhere = scan.Nowhere

// walker goes over one content.
type walker struct {
	src     []byte
	depth   int
	scratch []byte // the last text that had escapes, without them
	lost    bool   // a rule could not be followed, and nothing that was said holds
}

// value judges the value that begins at i, and gives where it ends.
func (w *walker) value(n *node, i int) (end int, v verdict) {
	if i >= len(w.src) {
		return nowhere, unsure
	}
	switch w.src[i] {
	case '"':
		end, v = w.text(n, i)
	case '{':
		end, v = w.object(n, i)
	case '[':
		end, v = w.array(n, i)
	case 't':
		end, v = w.word(n, i, "true", boolean)
	case 'f':
		end, v = w.word(n, i, "false", boolean)
	case 'n':
		end, v = w.word(n, i, "null", null)
	default:
		end, v = w.number(n, i)
	}
	if end == nowhere {
		return nowhere, unsure
	}
	if n.choices != nil {
		v = max(v, w.choose(n.choices, i))
	}
	return end, max(v, n.rest)
}

func (w *walker) word(n *node, i int, word string, t types) (int, verdict) {
	end := i + len(word)
	if end > len(w.src) || string(w.src[i:end]) != word {
		return nowhere, unsure
	}
	return end, max(n.types.allow(t), n.enum.word(word))
}

func (w *walker) space(i int) int { return scan.Space(w.src, i) }

// at tells whether the byte c stands at i.
func (w *walker) at(i int, c byte) bool { return i < len(w.src) && w.src[i] == c }
