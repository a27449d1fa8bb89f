package main

import (
	"math"
	"runtime"
	"runtime/debug"
)

// allowance is memory that a listener may fill with garbage before it is collected,
// beyond what the collector allows by itself: as much as is in use. A listener has
// some 10 MB in use, and a crowd of messages makes that of garbage each 10 ms; it
// spent a ninth of its time collecting. Where much is in use it changes little.
const allowance = 32 << 20

// allowGarbage makes the collector reckon with more in use than there is, until the
// function it gives is called: with memory that nobody ever touches, so that the
// system need not give any for it. Where GOMEMLIMIT bounds the memory, it is not for us.
func allowGarbage() (end func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	untouched := make([]byte, allowance)
	return func() { runtime.KeepAlive(untouched) }
}
