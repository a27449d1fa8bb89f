package view

import (
	"iter"
	"strings"
)

// Kinds of tokens, as far as scan tells them apart.
const (
	blank     = iota // white space or a comment
	other            // an operator, a number, a string
	bare             // a name or a keyword
	quoted           // a name in quotes, which are not in its text
	parameter        // with its prefix
	unended          // the beginning of a quote or comment that does not end
)

type token struct {
	kind   int
	text   string
	offset int
}

// tokens cuts SQL as SQLite's tokenize.c does, without white space and comments.
func tokens(sql string) iter.Seq[token] {
	return func(yield func(token) bool) {
		for at := 0; at < len(sql); {
			t, n := next(sql[at:])
			t.offset = at
			at += n
			if t.kind != blank && !yield(t) {
				return
			}
		}
	}
}

// next cuts off the first token of a text that is not empty, and tells its length.
func next(sql string) (token, int) {
	switch c := sql[0]; {
	case strings.IndexByte(" \t\n\f\r", c) >= 0:
		return token{}, 1
	case strings.HasPrefix(sql, "--"):
		return token{}, until(sql, 2, "\n")
	case strings.HasPrefix(sql, "/*"):
		if n := strings.Index(sql[2:], "*/"); n >= 0 {
			return token{}, n + 4
		}
		return token{kind: unended, text: "/*"}, len(sql)
	case c == '\'':
		return inQuotes(sql, other, '\'')
	case c == '"' || c == '`':
		return inQuotes(sql, quoted, c)
	case c == '[':
		return inQuotes(sql, quoted, ']')
	case strings.IndexByte(":@$?#", c) >= 0:
		n := nameLength(sql[1:]) + 1
		return token{kind: parameter, text: sql[:n]}, n
	case c >= '0' && c <= '9':
		n := nameLength(sql)
		return token{kind: other, text: sql[:n]}, n
	}
	if n := nameLength(sql); n > 0 {
		return token{kind: bare, text: sql[:n]}, n
	}
	return token{kind: other, text: sql[:1]}, 1
}

// until is the length up to and with end, from the given byte on, or of all.
func until(sql string, from int, end string) int {
	if n := strings.Index(sql[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(sql)
}

// inQuotes cuts off what stands in quotes. A quote in it is doubled, except in
// brackets.
func inQuotes(sql string, kind int, end byte) (token, int) {
	for at := 1; at < len(sql); at++ {
		if sql[at] != end {
			continue
		}
		if end != ']' && at+1 < len(sql) && sql[at+1] == end {
			at++
			continue
		}
		if kind == quoted {
			return token{kind: kind, text: sql[1:at]}, at + 1
		}
		return token{kind: kind, text: sql[:at+1]}, at + 1
	}
	return token{kind: unended, text: sql[:1]}, len(sql)
}

// nameLength counts the bytes of a name (IdChar in tokenize.c).
func nameLength(sql string) int {
	for i := range len(sql) {
		c := sql[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '$' && c < 0x80 {
			return i
		}
	}
	return len(sql)
}
