package plan

import (
	"encoding/binary"
	"regexp/syntax"
)

// builder makes the states of an automaton from a program by the subset
// construction: a state is the set of instructions that wait for a character.
type builder struct {
	*automaton
	program  *syntax.Prog
	examples []rune
	known    map[string]uint32
	sets     [][]uint32 // by state: what waits

	seen    []int // by instruction: the round in which it was last met
	round   int
	waiting []uint32
	matched bool
}

// Two states are known from the start: in the one nothing can match any more,
// in the other something has.
const (
	hopelessState = iota
	matchedState
	firstState
)

func (b *builder) build() bool {
	for state := range uint32(firstState) {
		b.add(nil, state == matchedState)
		for class := range b.examples {
			b.lead(state, class, state)
		}
	}
	b.start = b.state([]uint32{uint32(b.program.Start)}, syntax.EmptyBeginText)
	for state := uint32(firstState); int(state) < len(b.sets); state++ {
		if len(b.sets) > maxStates {
			return false
		}
		for class, example := range b.examples {
			b.lead(state, class, b.state(b.after(b.sets[state], example), 0))
		}
	}
	for state := range uint32(len(b.sets)) {
		b.loops = append(b.loops, b.loop(state))
	}
	return true
}

func (b *builder) lead(from uint32, class int, to uint32) {
	b.next[from<<b.shift|uint32(class)] = to
}

func (b *builder) loop(state uint32) *loop {
	var l loop
	some := false
	for c, class := range b.classes {
		if class != beyond && b.next[state<<b.shift|uint32(class)] == state {
			l[c], some = true, true
		}
	}
	if !some {
		return nil
	}
	return &l
}

// after gives where the instructions lead that take a character. The match may
// also begin only now.
func (b *builder) after(set []uint32, r rune) []uint32 {
	out := []uint32{uint32(b.program.Start)}
	for _, pc := range set {
		if inst := &b.program.Inst[pc]; inst.MatchRune(r) {
			out = append(out, inst.Out)
		}
	}
	return out
}

// state finds or makes the state of these instructions; here tells at which end
// of the text they stand.
func (b *builder) state(pcs []uint32, here syntax.EmptyOp) uint32 {
	b.closure(pcs, here|syntax.EmptyEndText)
	atEnd := b.matched
	b.closure(pcs, here)
	if b.matched {
		return matchedState
	}
	if len(b.waiting) == 0 && !atEnd {
		return hopelessState
	}
	key := b.key(atEnd)
	if state, ok := b.known[key]; ok {
		return state
	}
	state := uint32(len(b.sets))
	b.known[key] = state
	b.add(append([]uint32(nil), b.waiting...), atEnd)
	return state
}

func (b *builder) add(set []uint32, matches bool) {
	b.sets = append(b.sets, set)
	b.next = append(b.next, make([]uint32, 1<<b.shift)...)
	b.matches = append(b.matches, matches)
}

// key names a state by its bits; in it the order of what waits does not count.
func (b *builder) key(atEnd bool) string {
	key := make([]byte, 1, 1+len(b.program.Inst)/8+8)
	if atEnd {
		key[0] = 1
	}
	bits := make([]uint64, len(b.program.Inst)/64+1)
	for _, pc := range b.waiting {
		bits[pc/64] |= 1 << (pc % 64)
	}
	for _, word := range bits {
		key = binary.LittleEndian.AppendUint64(key, word)
	}
	return string(key)
}

// closure follows the instructions that take no character, and gathers those
// that wait for one.
func (b *builder) closure(pcs []uint32, here syntax.EmptyOp) {
	b.round++
	b.waiting, b.matched = b.waiting[:0], false
	for _, pc := range pcs {
		b.follow(pc, here)
	}
}

func (b *builder) follow(pc uint32, here syntax.EmptyOp) {
	if b.seen[pc] == b.round {
		return
	}
	b.seen[pc] = b.round
	switch inst := &b.program.Inst[pc]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		b.follow(inst.Out, here)
		b.follow(inst.Arg, here)
	case syntax.InstCapture, syntax.InstNop:
		b.follow(inst.Out, here)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(inst.Arg)&^here == 0 {
			b.follow(inst.Out, here)
		}
	case syntax.InstMatch:
		b.matched = true
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		b.waiting = append(b.waiting, pc)
	}
}
