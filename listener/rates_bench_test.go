package listener_test

import (
	"testing"

	"github.com/webhuis/cfengine-messages/message"
)

// What it costs to answer busy, beside judging what is refused and kept.
func BenchmarkBusy(b *testing.B) {
	for name, c := range map[string]struct {
		sender, address int
		frame           []byte
		code            message.Code
	}{
		"address": {0, 1, []byte("rubbish"), message.Busy},
		"sender":  {1, 0, nil, message.Busy},
		"refused": {0, 0, []byte("rubbish"), message.Malformed},
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b, limited(c.sender, c.address))
			for i := range 2 * atOnce {
				if c.sender > 0 {
					c.frame = numbered(i)
				}
				s.ask(c.frame)
			}
			for b.Loop() {
				if a := <-s.submit(c.frame); len(a) == 0 {
					b.Fatal("no answer")
				}
			}
			if a := s.ask(c.frame); a.Code != c.code {
				b.Errorf("%+v", a.Receipt)
			}
		})
	}
}
