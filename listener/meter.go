package listener

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// burst is how many seconds' worth of a rate may come at once: what waited
	// in an outbox while the listener was away shall not have to wait again.
	burst = 100
	// meterNames bounds the names that a meter remembers: twice as many at most,
	// some 200 bytes each. Who is forgotten has a full allowance again, as
	// whoever takes another name has.
	meterNames = 1 << 14
	// overAgain is how long the log is silent about one who stays over the limit.
	overAgain = time.Minute
)

// meter gives each name an allowance: so many a second, and what of it was not
// used, up to burst seconds' worth. A nil meter allows everything.
type meter struct {
	perSecond int

	mu           sync.Mutex
	young, older map[string]*allowance
}

type allowance struct {
	left *rate.Limiter
	told time.Time // when the log said last that it is used up; guarded by the meter's mu
}

// newMeter makes a meter; 0 a second is no limit.
func newMeter(perSecond int) *meter {
	if perSecond <= 0 {
		return nil
	}
	return &meter{perSecond: perSecond, young: map[string]*allowance{}}
}

// of gives the allowance of a name. Names that were not seen while meterNames
// others were, are forgotten.
func (m *meter) of(name string) *allowance {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.young[name]; a != nil {
		return a
	}
	a := m.older[name]
	if a == nil {
		a = &allowance{left: rate.NewLimiter(rate.Limit(m.perSecond), m.perSecond*burst)}
	}
	if len(m.young) >= meterNames {
		m.young, m.older = map[string]*allowance{}, m.young
	}
	m.young[name] = a
	return a
}

// take takes one, where there is one.
func (m *meter) take(name string, now time.Time) bool {
	return m == nil || m.of(name).left.AllowN(now, 1)
}

// giveBack undoes a take.
func (m *meter) giveBack(name string, now time.Time) {
	if m != nil {
		m.of(name).left.AllowN(now, -1)
	}
}

// has tells whether there is anything left.
func (m *meter) has(name string, now time.Time) bool {
	return m == nil || m.of(name).left.TokensAt(now) >= 1
}

// spend takes n although there may be less: the name is then in debt.
func (m *meter) spend(name string, now time.Time, n int) {
	if m != nil {
		m.of(name).left.ReserveN(now, n)
	}
}

// tells says whether the log shall say that a name's allowance is used up.
func (m *meter) tells(name string, now time.Time) bool {
	a := m.of(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if since := now.Sub(a.told); since >= 0 && since < overAgain {
		return false
	}
	a.told = now
	return true
}
