package truth

import (
	"encoding/json"
	"slices"
)

// maxSpans bounds what is remembered of one counter's gaps. What is forgotten
// stays counted, and can no longer be filled.
const maxSpans = 1000

// counter is what is known of one sender's messages of one schema. The schema's
// numbers (seq, DESIGN.md section 4) tell what did not come.
type counter struct {
	lastSeen int64
	messages int64
	high     int64 // the last number of the present counting; 0 when it has none
	highAt   int64 // when that was issued

	firstSeen int64
	counted   int64 // what lies up to this position is counted: see recount
	low       int64 // the first number of the present counting
	beganAt   int64 // when the present counting began; 0 for the first one
	gaps      int64
	missing   []span // where the gaps are, in rising order

	heard bool // in the batch
	moved bool // what mostly rests has changed, in the batch
}

// span is a run of numbers that did not come: its first and its last.
type span [2]int64

// heard is what a counter takes from a message.
type heard struct{ position, at, issuedAt, seq int64 }

// add counts a message, unless that was done before others like it left the queue
// (see recount).
func (c *counter) add(h heard) {
	if h.position <= c.counted {
		return
	}
	if c.messages == 0 || h.at < c.firstSeen {
		c.firstSeen, c.moved = h.at, true
	}
	c.lastSeen = max(c.lastSeen, h.at)
	c.messages++
	if h.seq > 0 {
		c.number(h.seq, h.issuedAt)
	}
}

// nearby is how far before the first number that came an earlier one may lie that
// was issued after it, by another agent at the same time.
const nearby = 1000

// number takes in a number. A host that lost its state counts from 1 again: what
// it says then is newer and yet has a number that came before. Those of its
// first counting that come late are not asked for any more.
func (c *counter) number(seq, at int64) {
	switch {
	case c.high == 0:
		c.low, c.high, c.highAt, c.moved = seq, seq, at, true
	case at < c.beganAt, c.fill(seq):
	case seq > c.high:
		c.lose(span{c.high + 1, seq - 1})
		c.high, c.highAt = seq, at
	case seq < c.low && (c.low-seq <= nearby || at <= c.highAt): // before the first one that came
		c.lose(span{seq + 1, c.low - 1})
		c.low, c.moved = seq, true
	case at > c.highAt:
		c.low, c.high, c.highAt, c.beganAt, c.missing, c.moved = seq, seq, at, at, nil, true
	}
}

// fill takes a number that was missing.
func (c *counter) fill(seq int64) bool {
	i := slices.IndexFunc(c.missing, func(s span) bool { return s[0] <= seq && seq <= s[1] })
	if i < 0 {
		return false
	}
	var rest []span
	for _, s := range []span{{c.missing[i][0], seq - 1}, {seq + 1, c.missing[i][1]}} {
		if s[0] <= s[1] {
			rest = append(rest, s)
		}
	}
	c.missing = slices.Replace(c.missing, i, i+1, rest...)
	c.gaps--
	c.moved = true
	return true
}

// lose counts numbers that are missing now.
func (c *counter) lose(s span) {
	if s[0] > s[1] {
		return
	}
	c.gaps += s[1] - s[0] + 1
	c.moved = true
	at, _ := slices.BinarySearchFunc(c.missing, s, func(a, b span) int { return slices.Compare(a[:], b[:]) })
	c.missing = slices.Insert(c.missing, at, s)
	if len(c.missing) > maxSpans {
		c.missing = c.missing[1:]
	}
}

func (c *counter) missingText() string {
	if len(c.missing) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(c.missing) // numbers have no reason to fail
	return string(text)
}
