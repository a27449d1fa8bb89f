package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// The collector reckons with the allowance, as long as it is wanted, and not where
// an administrator has set a limit.
func TestAllowGarbage(t *testing.T) {
	for _, test := range []struct {
		name  string
		limit int64
		want  uint64
	}{
		{"no limit", math.MaxInt64, allowance},
		{"a limit", 1 << 30, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(test.limit))
			before := inUse()
			end := allowGarbage()
			during := inUse()
			end()
			if after := inUse(); during < after+test.want || during >= after+test.want+allowance/2 {
				t.Errorf("%d bytes in use before, %d with the allowance, %d after", before, during, after)
			}
		})
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
