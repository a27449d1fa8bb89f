package listener_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// certs asks n times at once and counts the keys that sealed the answers.
func certs(t *testing.T, s *stage, n int) map[string]int {
	t.Helper()
	var answers []<-chan []byte
	for i := range n {
		answers = append(answers, s.submit(fmt.Append(nil, "rubbish ", i)))
	}
	seen := map[string]int{}
	for _, c := range answers {
		seen[s.wait(c).Cert]++
	}
	return seen
}

// The key that seals receipts is made anew once a day, once however many ask
// at that moment; whatever the clock does, receipts hold.
func TestVoiceIsRenewed(t *testing.T) {
	s := start(t, nil)
	keys := map[string]int{}
	for _, step := range []struct {
		name  string
		clock time.Duration
		new   bool
	}{
		{"at the start", 0, true},
		{"within the day", 24 * time.Hour, false},
		{"after it", time.Second, true},
		{"a week without a message", 7 * 24 * time.Hour, true},
		{"set back a little", -10 * time.Second, false},
		{"set back a year", -365 * 24 * time.Hour, true},
		{"and forth again", 365 * 24 * time.Hour, true},
	} {
		s.clock.advance(step.clock)
		now := certs(t, s, 200)
		if len(now) != 1 {
			t.Errorf("%s: %d keys at once", step.name, len(now))
		}
		for cert := range now {
			if known := keys[cert] > 0; known == step.new {
				t.Errorf("%s: another key is %v, want %v", step.name, !known, step.new)
			}
			keys[cert]++
		}
	}
	if a := s.ask([]byte("rubbish")); a.Code != message.Malformed {
		t.Errorf("%+v", a.Receipt)
	}
}
