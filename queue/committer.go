package queue

import "github.com/webhuis/cfengine-messages/sqlite"

// Stats are counts since Open.
type Stats struct {
	Waiting      int   // put and not yet committed
	WaitingBytes int64 // of their frames
	Commits      uint64
	Stored       uint64 // messages, duplicates not counted
	Duplicates   uint64
	Buried       uint64
	Failed       uint64 // messages and dead letters whose commit failed
}

// Stats returns the counts as they are now.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	s := q.stats
	q.mu.Unlock()
	s.Waiting, s.WaitingBytes = q.waiting.size()
	return s
}

// commitWhatComes is the committer: the one goroutine that uses the writer. The
// next batch gathers while it writes; prunings and checkpoints come after the answers.
func (q *Queue) commitWhatComes() {
	defer close(q.ended)
	var batch []entry
	for {
		var p *pruning
		batch, p = q.waiting.take(batch[:0])
		if len(batch) == 0 && p == nil {
			return
		}
		q.commit(batch)
		if p != nil {
			p.done <- q.prune(p.Pruning)
		}
		q.checkpoint()
	}
}

// commit writes the batch and tells each entry what became of it.
func (q *Queue) commit(batch []entry) {
	if len(batch) == 0 {
		return
	}
	q.write(batch)
	q.waiting.release(batch)
	for i := range batch {
		batch[i].done(batch[i].stored)
	}
	clear(batch) // let the frames go
}

// write writes the batch, or sets the error in all of it: a transaction is whole
// or not at all.
func (q *Queue) write(batch []entry) {
	err := q.Err()
	if err == nil {
		err = q.writer.write(batch)
		q.watch(err)
	}
	for i := range batch {
		if err != nil {
			batch[i].stored = Stored{Err: err}
		}
	}
	q.count(batch, err)
}

func (q *Queue) checkpoint() {
	if q.Err() == nil {
		q.watch(q.writer.checkpoint())
		q.writer.growWAL()
	}
}

// watch declares the queue broken where it cannot go on after err.
func (q *Queue) watch(err error) {
	if err != nil && !sqlite.Recovers(err) {
		q.breakDown(err)
	}
}

func (q *Queue) count(batch []entry, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.stats.Failed += uint64(len(batch))
		return
	}
	q.stats.Commits++
	for i := range batch {
		switch {
		case batch[i].letter != nil:
			q.stats.Buried++
		case batch[i].stored.Duplicate:
			q.stats.Duplicates++
		default:
			q.stats.Stored++
		}
	}
}
