package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/truth"
)

// truthFigures are of the truth of a large site: how fast it is made of the
// queue, and how fast a host is told its view of it.
type truthFigures struct {
	Hosts    int            `json:"hosts"`
	Fill     rateFigures    `json:"queue"`   // the queue alone, as it took the messages that follow
	Rebuild  rateFigures    `json:"rebuild"` // the truth, of all of them
	Repeated repeatFigures  `json:"repeated"`
	Idle     viewFigures    `json:"view_idle"`
	Arrival  viewFigures    `json:"view_under_arrival"`
	Arriving arrivalFigures `json:"arrival"`
	Both     float64        `json:"views_per_s_by_all_cores"`
}

// rateFigures are of a number of messages.
type rateFigures struct {
	Messages int     `json:"messages"`
	Rate     float64 `json:"messages_per_s"`
	CPU      float64 `json:"cpu_us_per_message"`
}

// repeatFigures are of hosts that say again what they said before.
type repeatFigures struct {
	Backlog rateFigures `json:"backlog"` // the truth alone, of a queue that is ahead of it
	// Following is the rate of the truth beside a queue that takes all of them as fast as
	// it can, until the truth has the last one; Behind, how many times as long as the
	// queue that takes (1 is no longer); Lag, how long after the queue's last commit.
	Following float64 `json:"following_messages_per_s"`
	Behind    float64 `json:"truth_behind_queue"`
	Lag       float64 `json:"truth_lag_ms"`
}

// truthStage is a listener's state folder in this process.
type truthStage struct {
	*site
	folder   string
	registry *schemas.Registry
	queue    *queue.Queue
	wake     func() // what follows each commit
}

func (s *stage) measureTruth(ctx context.Context) (f truthFigures, err error) {
	t, err := s.openTruthStage()
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	f.Hosts = s.Hosts
	if f.Fill, err = t.fill(s.Said); err != nil {
		return f, err
	}
	if f.Rebuild, err = t.rebuild(ctx); err != nil {
		return f, err
	}
	if f.Repeated, err = t.repeat(ctx, s.Repeated); err != nil {
		return f, err
	}
	return f, t.measureViews(ctx, s.views, &f)
}

func (s *stage) openTruthStage() (*truthStage, error) {
	folder := filepath.Join(s.dir, "truth")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	return s.openTruthStageIn(folder)
}

func (s *stage) openTruthStageIn(folder string) (*truthStage, error) {
	registry, err := schemas.NewRegistry()
	if err != nil {
		return nil, err
	}
	t := &truthStage{site: newSite(s.Hosts), folder: folder, registry: registry, wake: func() {}}
	t.queue, err = queue.Open(t.folder, queue.Options{Waiting: crowd, WaitingBytes: 1 << 30})
	return t, err
}

func (t *truthStage) close() error {
	return errors.Join(t.queue.Close(), os.RemoveAll(t.folder))
}

func (t *truthStage) open() (*truth.Truth, error) {
	return truth.Open(t.folder, truth.Options{Schemas: t.registry})
}

// fill queues what the site and its hosts say, n messages in all.
func (t *truthStage) fill(n int) (f rateFigures, err error) {
	data := t.siteData()
	return t.put(func(i int) spoken {
		progress("messages", i+1, n)
		if i < len(data) {
			return data[i]
		}
		return t.says(i - len(data))
	}, n)
}

func (t *truthStage) rebuild(ctx context.Context) (rateFigures, error) {
	var n int
	return timed(&n, func() error {
		return truth.Rebuild(ctx, t.folder, truth.Options{Schemas: t.registry}, func(done, total int64) {
			n = int(total)
			progress("rebuild", int(done), n)
		})
	})
}

// repeat lets any hosts say again what they said before, n times while there is
// no truth, and n times while it follows.
func (t *truthStage) repeat(ctx context.Context, n int) (f repeatFigures, err error) {
	if _, err = t.put(t.any, n); err != nil {
		return f, err
	}
	var is *truth.Truth
	if f.Backlog, err = timed(&n, func() (err error) {
		if is, err = t.open(); err != nil {
			return err
		}
		return is.WaitFor(ctx, int64(t.said))
	}); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, is.Close()) }()
	return f, t.follow(ctx, is, n, &f)
}

// follow measures the queue with the truth beside, which has no pause to catch up in.
func (t *truthStage) follow(ctx context.Context, is *truth.Truth, n int, f *repeatFigures) error {
	t.wake = is.Wake
	defer func() { t.wake = func() {} }()
	messages, err := t.make(t.any, 0, n)
	if err != nil {
		return err
	}
	began := time.Now()
	for some := range slices.Chunk(messages, crowd) {
		if err := t.putAll(some); err != nil {
			return err
		}
	}
	took := time.Since(began)
	err = is.WaitFor(ctx, int64(t.said))
	all := time.Since(began)
	f.Following, f.Behind, f.Lag = float64(n)/all.Seconds(), all.Seconds()/took.Seconds(), milliseconds(all-took)
	return err
}

// timed gives rate and processor time of this process for something done with n
// messages.
func timed(n *int, do func() error) (rateFigures, error) {
	cpu, began := usedBy(syscall.RUSAGE_SELF), time.Now()
	err := do()
	took := time.Since(began)
	return rateFigures{
		Messages: *n, Rate: float64(*n) / took.Seconds(), CPU: microseconds(usedBy(syscall.RUSAGE_SELF)-cpu) / float64(*n),
	}, err
}
