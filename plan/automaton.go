package plan

import (
	"math/bits"
	"regexp/syntax"
)

// automaton is a regular expression as a table: one step for each byte, where
// package regexp takes ten times as long. It knows ASCII alone.
type automaton struct {
	classes [256]uint8 // bytes that no part of the expression tells apart are of one class
	shift   int        // a row of next is 1<<shift classes wide
	next    []uint32   // by state and class
	matches []bool     // by state: a text that ends here matches
	loops   []*loop    // by state
	start   uint32
}

// loop are the bytes that leave a state as it is; nil for none. Most of most
// texts is passed over by them, several bytes at once, for no byte has to wait
// for what the one before it led to.
type loop [256]bool

// beyond is the class of bytes that an automaton does not know.
const beyond = 0xff

// Bounds of an automaton. Beyond them regexp serves.
const (
	maxStates  = 600
	maxClasses = 64
	maxProgram = 1000 // instructions
)

// match is not ok where the text is not ASCII.
func (a *automaton) match(text []byte) (matched, ok bool) {
	state := a.start
	for i := 0; i < len(text); i++ {
		if same := a.loops[state]; same != nil {
			for i < len(text) && same[text[i]] {
				i++
			}
			if i == len(text) {
				break
			}
		}
		class := a.classes[text[i]]
		if class == beyond {
			return false, false
		}
		state = a.next[state<<a.shift|uint32(class)]
	}
	return a.matches[state], true
}

// newAutomaton gives nil for a program that it cannot stand for.
func newAutomaton(program *syntax.Prog) *automaton {
	if len(program.Inst) > maxProgram || !isFollowed(program) {
		return nil
	}
	a := &automaton{}
	examples := a.classify(program)
	if len(examples) > maxClasses {
		return nil
	}
	a.shift = bits.Len(uint(len(examples) - 1))
	b := builder{automaton: a, program: program, examples: examples, known: map[string]uint32{}, seen: make([]int, len(program.Inst))}
	if !b.build() {
		return nil
	}
	return a
}

// isFollowed tells whether the program asks only for what a byte and the two
// ends of the text can answer: nothing of words and lines, no folding of case.
func isFollowed(program *syntax.Prog) bool {
	for _, inst := range program.Inst {
		switch inst.Op {
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				return false
			}
		case syntax.InstRune, syntax.InstRune1:
			if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
				return false
			}
		}
	}
	return true
}

// classify gives each byte its class, and returns an example of each class.
func (a *automaton) classify(program *syntax.Prog) (examples []rune) {
	var cut [0x81]bool // a class begins here
	cut[0] = true
	for _, inst := range program.Inst {
		for _, r := range edges(inst) {
			if r < 0x80 {
				cut[r] = true
			}
		}
	}
	for c := range a.classes {
		switch {
		case c >= 0x80:
			a.classes[c] = beyond
			continue
		case cut[c]:
			examples = append(examples, rune(c))
		}
		a.classes[c] = uint8(len(examples) - 1)
	}
	return examples
}

// edges are the characters at which an instruction's mind changes.
func edges(inst syntax.Inst) []rune {
	switch inst.Op {
	case syntax.InstRuneAnyNotNL:
		return []rune{'\n', '\n' + 1}
	case syntax.InstRune1:
		return []rune{inst.Rune[0], inst.Rune[0] + 1}
	case syntax.InstRune:
		if len(inst.Rune) == 1 {
			return []rune{inst.Rune[0], inst.Rune[0] + 1}
		}
		list := make([]rune, 0, len(inst.Rune))
		for i, r := range inst.Rune { // pairs of first and last
			list = append(list, r+rune(i%2))
		}
		return list
	}
	return nil
}
