package listener

import (
	"fmt"
	"testing"
	"time"
)

// What a meter remembers is bounded, whatever names come; who comes all the
// time is not forgotten.
func TestMeterIsBounded(t *testing.T) {
	m, now := newMeter(1), time.Unix(1e9, 0)
	for range burst {
		m.take("busy", now)
	}
	for i := range 5 * meterNames {
		m.take(fmt.Sprint(i), now)
		if i%1000 == 0 && m.take("busy", now) {
			t.Fatalf("forgotten after %d names", i)
		}
	}
	if n := len(m.young) + len(m.older); n > 2*meterNames {
		t.Errorf("%d names remembered", n)
	}
	if !m.take("0", now) || m.perSecond != 1 {
		t.Error("a new name has no allowance")
	}
}

func TestMeterDebt(t *testing.T) {
	m, now := newMeter(1), time.Unix(1e9, 0)
	for range burst {
		m.spend("a", now, 2)
	}
	for _, c := range []struct {
		after time.Duration
		has   bool
	}{{0, false}, {burst * time.Second, false}, {(burst + 1) * time.Second, true}} {
		if got := m.has("a", now.Add(c.after)); got != c.has {
			t.Errorf("after %v: %v", c.after, got)
		}
	}
}

func TestPayer(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "127.0.0.1": "", "127.9.9.9": "", "::1": "", "": "", "ipc:0:0:77": "",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2:ffff::1": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "::ffff:192.0.2.7": "::/64", "anything": "anything",
	} {
		if got := payer(peer); got != want {
			t.Errorf("%q: %q, want %q", peer, got, want)
		}
	}
}
