package truth

import (
	"fmt"
	"testing"
)

// said are the numbers in the order in which they came; "3@7" was issued at 7,
// and without @ each is issued at ten times its number.
func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name    string
		said    []string
		gaps    int64
		missing string
	}{
		{"no numbers", []string{"0", "0"}, 0, "[]"},
		{"all came", []string{"1", "2", "3"}, 0, "[]"},
		{"the first ones are not known", []string{"5", "6"}, 0, "[]"},
		{"some did not come", []string{"5", "6", "9", "12"}, 4, "[[7,8],[10,11]]"},
		{"a late one fills its gap", []string{"5", "9", "7"}, 2, "[[6,6],[8,8]]"},
		{"all late ones", []string{"1", "4", "3", "2"}, 0, "[]"},
		{"one before the first", []string{"5", "2", "4"}, 1, "[[3,3]]"},
		{"two agents at once, at the beginning", []string{"12@7", "11@8", "13@9"}, 0, "[]"},
		{"first heard late in its counting, then it lost its state", []string{"5000", "1@50001", "2@50002"}, 0, "[]"},
		{"the same twice", []string{"1", "2", "2", "1"}, 0, "[]"},
		{"a late one with a new date, as the outbox may send it", []string{"1", "3", "2@40"}, 0, "[]"},
		{"the host lost its state", []string{"1", "1000000", "1@10000001", "2@10000002", "4@10000004"}, 999_998 + 1, "[[3,3]]"},
		{"and one of before comes late", []string{"1", "3", "1@40", "2@20", "2@41"}, 1, "[]"},
		{"within one second", []string{"1@7", "3@7", "2@7", "4@7"}, 0, "[]"},
		{"the clock was set back", []string{"1", "2", "3@1", "4@2"}, 0, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k counter
			for i, s := range c.said {
				h := heard{position: int64(i + 1)}
				if n, _ := fmt.Sscanf(s, "%d@%d", &h.seq, &h.issuedAt); n < 2 {
					h.issuedAt = 10 * h.seq
				}
				k.add(h)
			}
			if k.gaps != c.gaps || k.missingText() != c.missing || k.messages != int64(len(c.said)) {
				t.Errorf("%d gaps %s in %d messages, want %d %s", k.gaps, k.missingText(), k.messages, c.gaps, c.missing)
			}
		})
	}
}

// Whoever leaves out every second number costs no more than maxSpans.
func TestGapsAreBounded(t *testing.T) {
	var k counter
	for seq := int64(1); seq < 10*maxSpans; seq += 2 {
		k.add(heard{position: seq, seq: seq, issuedAt: seq})
	}
	if len(k.missing) != maxSpans || k.gaps != 5*maxSpans-1 {
		t.Errorf("%d spans, %d gaps", len(k.missing), k.gaps)
	}
	k.add(heard{position: 10 * maxSpans, seq: 2, issuedAt: 2}) // forgotten, and of old
	if k.gaps != 5*maxSpans-1 || k.high != 10*maxSpans-1 {
		t.Errorf("%d gaps, up to %d", k.gaps, k.high)
	}
}
