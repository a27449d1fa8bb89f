package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.say("host", string(digest(i)), fmt.Sprintf(`{"uqhost":"h%02d"}`, i))
	}
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
	views := []string{
		"ten", one("SELECT entity FROM host LIMIT 10"),
		"eleven", one("SELECT uqhost FROM host LIMIT 11"),
		"wide", "for: trusted\ncontainers:\n  a: {sql: SELECT entity FROM host LIMIT 6}\n  b: {sql: SELECT entity FROM host LIMIT 7}\n",
		"counting", one(endless + "count(*) AS n FROM n"),
		"streaming", one(endless + "i FROM n WHERE i < 0"),
		"fine", one("SELECT 1 AS n"),
	}
	r := w.runner(Limits{Rows: 10, Bytes: 1000, Time: time.Minute, Readers: 2}, views...)
	short := w.runner(Limits{Rows: 10, Bytes: 1000, Time: 100 * time.Millisecond, Readers: 2}, views...)
	for _, c := range []struct {
		r          *Runner
		name, want string
	}{
		{r, "eleven", "view eleven: container rows takes more than 10 rows: narrow its SQL"},
		{r, "wide", "view wide: container b takes more than 1000 bytes: narrow its SQL"},
		{short, "counting", "view counting: container rows takes more than 100ms: narrow its SQL"},
		{short, "streaming", "view streaming: container rows takes more than 100ms: narrow its SQL"},
	} {
		data, err := c.r.Run(context.Background(), c.name, digest(1), nil)
		if limit := (*LimitError)(nil); !errors.As(err, &limit) || err.Error() != c.want || data != nil {
			t.Errorf("%s: %.80s, %v", c.name, data, err)
		}
		inTime(t, c.r)
	}
	if _, err := r.Run(context.Background(), "ten", digest(1), nil); err != nil {
		t.Error(err)
	}
}

// inTime asks for fine until it comes within the runner's time, which may be short
// for a machine that has much else to do.
func inTime(t *testing.T, r *Runner) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if _, err = r.Run(context.Background(), "fine", digest(1), nil); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Five MiB are what CFEngine reads; more is refused whole.
func TestFiveMebibytes(t *testing.T) {
	w := newWorld(t)
	r := w.runner(Limits{}, "own", "for: sender\ncontainers: {h: {single: true, sql: SELECT content FROM host WHERE entity = :sender}}")
	fits := `{"x":"` + strings.Repeat("x", 5<<20-100) + `"}`
	w.say("host", string(digest(1)), fits)
	w.say("host", string(digest(2)), `{"x":"`+strings.Repeat("x", 5<<20)+`"}`)
	gives(t, r, "own", digest(1), nil, `{"h":`+fits+`}`)
	if _, err := r.Run(context.Background(), "own", digest(2), nil); err == nil || !strings.Contains(err.Error(), "5242880 bytes") {
		t.Error(err)
	}
}

// Who gives up is not told of limits, and a reader that was cut off is good for
// the next.
func TestCallerGivesUp(t *testing.T) {
	w := newWorld(t)
	r := w.runner(Limits{Time: time.Minute, Readers: 1},
		"endless", one("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n"),
		"fine", one("SELECT 1 AS n"))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Run(ctx, "endless", digest(1), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	gives(t, r, "fine", digest(1), nil, `{"rows":[{"n":1}]}`)
}

// More than the readers wait, and not for ever.
func TestBusy(t *testing.T) {
	w := newWorld(t)
	r := w.runner(Limits{Time: 50 * time.Millisecond, Readers: 1}, "fine", one("SELECT 1 AS n"))
	reader := <-r.readers
	if _, err := r.Run(context.Background(), "fine", digest(1), nil); err != ErrBusy {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Run(ctx, "fine", digest(1), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.readers <- reader
	inTime(t, r)
}
