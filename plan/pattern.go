package plan

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// pattern is a regular expression of Go's, which may match anywhere in a text.
// It is made ready when it is first needed: of a large schema most messages
// need little.
type pattern struct {
	source string

	once      sync.Once
	automaton *automaton // nil where the expression is beyond it

	slowly sync.Once
	regexp *regexp.Regexp
}

// match is not ok for an expression that is none.
func (p *pattern) match(text []byte) (matched, ok bool) {
	p.once.Do(func() { p.automaton = compile(p.source) })
	if p.automaton != nil {
		if matched, ok = p.automaton.match(text); ok {
			return matched, true
		}
	}
	p.slowly.Do(func() { p.regexp, _ = regexp.Compile(p.source) })
	if p.regexp == nil {
		return false, false
	}
	return p.regexp.Match(text), true
}

// compile makes the program that package regexp would run. It gives nil where
// an automaton cannot stand for it.
func compile(source string) *automaton {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	return newAutomaton(program)
}
