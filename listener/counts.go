package listener

import (
	"sync/atomic"

	"github.com/webhuis/cfengine-messages/message"
)

// Counts are what a listener did since its start. They may be read at any time.
type Counts struct {
	Stored    atomic.Int64
	Duplicate atomic.Int64
	Unburied  atomic.Int64 // refused, and not kept as dead letters although they should have been
	Over      atomic.Int64 // those of the busy that were over a limit of Rates
	refused   map[message.Code]*atomic.Int64
}

func newCounts() Counts {
	refused := make(map[message.Code]*atomic.Int64, len(message.Codes))
	for _, code := range message.Codes {
		refused[code] = new(atomic.Int64)
	}
	return Counts{refused: refused}
}

// Refused gives the number of refusals by code, all codes.
func (c *Counts) Refused() map[message.Code]int64 {
	n := make(map[message.Code]int64, len(c.refused))
	for code, count := range c.refused {
		n[code] = count.Load()
	}
	return n
}
