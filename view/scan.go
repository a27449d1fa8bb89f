package view

import (
	"fmt"
	"slices"
	"strings"
)

// statement is what the text of a SELECT tells.
type statement struct {
	text       string   // to be compiled: see bracket
	words      []string // names and keywords as written, without quotes
	parameters []string // each once, in SQLite's order: that of their first use
	ordered    bool     // it has an ORDER BY of its own
}

// sqlFault is what is wrong at a byte of an SQL text.
type sqlFault struct {
	offset int
	text   string
}

// scan looks at what SQLite does not tell, or does not tell where: whether the
// text is one statement and begins as a SELECT, which parameters it names, and
// that it names nothing that is the truth's own. What it allows is still held to
// reading by the connection: see guard.
func scan(sql string, parameters []string) (statement, *sqlFault) {
	var s statement
	depth, end, last := 0, -1, ""
	for t := range tokens(sql) {
		if end >= 0 {
			return s, &sqlFault{t.offset, "several statements; a container has one SELECT"}
		}
		if wrong := s.take(t, parameters); wrong != nil {
			return s, wrong
		}
		switch word := strings.ToUpper(t.text); {
		case word == "(":
			depth++
		case word == ")":
			depth--
		case word == ";":
			end = t.offset
		case t.kind == bare && word == "BY" && last == "ORDER" && depth == 0:
			s.ordered = true
		}
		last = strings.ToUpper(t.text)
	}
	if len(s.words) == 0 {
		return s, &sqlFault{0, "there is no SELECT"}
	}
	if end < 0 {
		end = len(sql)
	}
	s.text = bracket(sql[:end])
	return s, nil
}

// bracket makes each parameter a subquery. A parameter that the planner sees may
// change its plan, and then SQLite compiles the statement anew whenever the
// driver clears what was bound, which is each time: half of a view's cost.
func bracket(sql string) string {
	var b strings.Builder
	from := 0
	for t := range tokens(sql) {
		if t.kind == parameter {
			b.WriteString(sql[from:t.offset] + "(SELECT " + t.text + ")")
			from = t.offset + len(t.text)
		}
	}
	return b.String() + sql[from:]
}

// take notes one token.
func (s *statement) take(t token, parameters []string) *sqlFault {
	switch t.kind {
	case unended:
		return &sqlFault{t.offset, "what begins with " + t.text + " does not end"}
	case parameter:
		return s.takeParameter(t, parameters)
	case bare, quoted:
		if len(s.words) == 0 && !slices.Contains([]string{"SELECT", "WITH", "VALUES"}, strings.ToUpper(t.text)) {
			return &sqlFault{t.offset, fmt.Sprintf("%.40q is no SELECT; a view only reads", t.text)}
		}
		for _, own := range []string{"_", "sqlite_", "pragma_"} {
			if strings.HasPrefix(strings.ToLower(t.text), own) {
				return &sqlFault{t.offset, fmt.Sprintf("%.40q is not for views: they read schemas, by their ids", t.text)}
			}
		}
		s.words = append(s.words, t.text)
	default:
		if len(s.words) == 0 && t.text != ";" {
			return &sqlFault{t.offset, fmt.Sprintf("begins with %.40q; expected SELECT", t.text)}
		}
	}
	return nil
}

func (s *statement) takeParameter(t token, known []string) *sqlFault {
	name, named := strings.CutPrefix(t.text, ":")
	switch {
	case !named || !validName.MatchString(name):
		return &sqlFault{t.offset, fmt.Sprintf("%.40q: parameters are written as :sender", t.text)}
	case !slices.Contains(known, name):
		return &sqlFault{t.offset, fmt.Sprintf(":%s is not known; there are :%s; others are declared, as parameters: [%s]",
			name, strings.Join(known, ", :"), name)}
	case !slices.Contains(s.parameters, name):
		s.parameters = append(s.parameters, name)
	}
	return nil
}
