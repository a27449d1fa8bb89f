package main

import (
	"strings"
	"sync"
	"testing"
)

// logged is what a listener logs.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// line gives the first line that holds the text, "" without one.
func (l *logged) line(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

func (l *logged) await(t testing.TB, text string) {
	t.Helper()
	await(t, "a line of the log with "+text, func() bool { return l.line(text) != "" })
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
