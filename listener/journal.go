package listener

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Lines about single messages: so many at once, then so many a second.
const (
	journalBurst = 100
	journalRate  = 20
)

// journal writes the lines that single messages cause. Whoever reaches the
// socket can cause any number of them, and a log that is slow would hold up
// the workers: beyond its rate they are counted, and the next line says how
// many were left out. The counters miss none.
type journal struct {
	log     *slog.Logger
	now     func() time.Time
	limiter *rate.Limiter
	left    atomic.Int64
}

func newJournal(log *slog.Logger, now func() time.Time) *journal {
	return &journal{log: log, now: now, limiter: rate.NewLimiter(journalRate, journalBurst)}
}

func (j *journal) write(level slog.Level, text string, attributes ...any) {
	if !j.limiter.AllowN(j.now(), 1) {
		j.left.Add(1)
		return
	}
	if left := j.left.Swap(0); left > 0 {
		attributes = append(attributes, "lines_left_out", left)
	}
	j.log.Log(context.Background(), level, text, attributes...)
}
