package main

import (
	"sync"
	"syscall"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// crowd is how many messages are made before they are put, and waited for.
const crowd = 20_000

// put queues what is said, in crowds. The figures are without the making.
func (t *truthStage) put(said func(i int) spoken, n int) (rateFigures, error) {
	var took, cpu time.Duration
	for from := 0; from < n; from += crowd {
		messages, err := t.make(said, from, min(crowd, n-from))
		if err != nil {
			return rateFigures{}, err
		}
		used, began := usedBy(syscall.RUSAGE_SELF), time.Now()
		if err := t.putAll(messages); err != nil {
			return rateFigures{}, err
		}
		took += time.Since(began)
		cpu += usedBy(syscall.RUSAGE_SELF) - used
	}
	return rateFigures{Messages: n, Rate: float64(n) / took.Seconds(), CPU: microseconds(cpu) / float64(n)}, nil
}

func (t *truthStage) make(said func(i int) spoken, from, n int) ([]queue.Message, error) {
	messages := make([]queue.Message, n)
	for i := range messages {
		var err error
		if messages[i], err = t.message(said(from + i)); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// putAll returns once all are on disk.
func (t *truthStage) putAll(messages []queue.Message) error {
	var stored sync.WaitGroup
	var failed error // the committer's alone, until all are stored
	for _, m := range messages {
		stored.Add(1)
		if err := t.queue.Put(m, func(s queue.Stored) {
			defer stored.Done()
			if s.Err != nil {
				failed = s.Err
			}
			t.wake()
		}); err != nil {
			return err
		}
	}
	stored.Wait()
	return failed
}
