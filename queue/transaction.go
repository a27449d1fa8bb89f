package queue

import "fmt"

// checkpointPages is after how many 4 KiB pages in the WAL they are folded into
// the file, about. With 1000, SQLite's own choice, one lone message in a hundred
// waits for it; with 16000 a crowd waits for up to 0.2 s.
const checkpointPages = 4000

// write stores the batch in one transaction and sets in each entry what became of it.
func (w *writer) write(batch []entry) error {
	return w.transaction(func() error { return w.writeAll(batch) })
}

func (w *writer) transaction(write func() error) error {
	if err := w.step("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("queue: beginning a transaction: %w", err)
	}
	if err := write(); err != nil {
		return w.rollBack(fmt.Errorf("queue: writing: %w", err))
	}
	if err := w.step("COMMIT"); err != nil {
		return w.rollBack(fmt.Errorf("queue: committing: %w", err))
	}
	w.inWAL += 3 * 4096 // the pages at the edges, which each commit writes again
	return nil
}

func (w *writer) writeAll(batch []entry) error {
	letters := false
	for i := range batch {
		w.inWAL += batch[i].bytes
		letters = letters || batch[i].letter != nil
	}
	for len(batch) > 0 {
		n, err := w.writeNext(batch)
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	if letters {
		return w.dropOldest()
	}
	return nil
}

// writeNext writes the first of a batch, as many together as may be written so, and
// returns how many.
func (w *writer) writeNext(batch []entry) (int, error) {
	g, found := nextGroup(batch)
	if !found {
		return 1, w.writeOne(&batch[0])
	}
	stored, err := w.writeTogether(g, batch[:g.size])
	for i := 0; i < g.size && !stored && err == nil; i++ {
		err = w.writeOne(&batch[i])
	}
	return g.size, err
}

func (w *writer) writeOne(e *entry) (err error) {
	if e.letter != nil {
		return w.writeLetter(e.letter)
	}
	e.stored, err = w.writeMessage(&e.message)
	return err
}

// rollBack undoes a transaction that failed for cause.
func (w *writer) rollBack(cause error) error {
	clear(w.senders) // some may have been numbered in this transaction
	return w.conn.RollBack(cause)
}

// checkpoint folds the WAL into the file when it has grown long. SQLite would do
// so within COMMIT, before anybody is answered, and would keep errors to itself.
func (w *writer) checkpoint() error {
	if w.inWAL < checkpointPages*4096 {
		return nil
	}
	return w.fold()
}

// growWAL is for speed alone: where it fails, the next commit makes the file longer,
// or says why that cannot be.
func (w *writer) growWAL() { _ = w.tail.grow(w.inWAL) }

func (w *writer) fold() error {
	w.inWAL = 0
	if err := w.run("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return fmt.Errorf("queue: checkpoint: %w", err)
	}
	return nil
}
