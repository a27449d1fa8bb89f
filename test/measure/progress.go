package main

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// progress shows a person at a terminal how far a step is; the last call wipes
// it out.
func progress(step string, done, of int) {
	if done%max(of/100, 1) != 0 && done != of || !term.IsTerminal(int(os.Stderr.Fd())) {
		return
	}
	if done == of {
		fmt.Fprint(os.Stderr, "\r\033[K")
		return
	}
	fmt.Fprintf(os.Stderr, "\r%s: %d of %d\033[K", step, done, of)
}
