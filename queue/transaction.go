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
	if err := w.run("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("queue: beginning a transaction: %w", err)
	}
	if err := write(); err != nil {
		return w.rollBack(fmt.Errorf("queue: writing: %w", err))
	}
	if err := w.run("COMMIT"); err != nil {
		return w.rollBack(fmt.Errorf("queue: committing: %w", err))
	}
	w.inWAL += 3 * 4096 // the pages at the edges, which each commit writes again
	return nil
}

func (w *writer) writeAll(batch []entry) error {
	letters := false
	for i := range batch {
		e := &batch[i]
		w.inWAL += e.bytes
		var err error
		if e.letter != nil {
			letters = true
			err = w.writeLetter(e.letter)
		} else {
			e.stored, err = w.writeMessage(&e.message)
		}
		if err != nil {
			return err
		}
	}
	if letters {
		return w.dropOldest()
	}
	return nil
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

func (w *writer) fold() error {
	w.inWAL = 0
	if err := w.run("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return fmt.Errorf("queue: checkpoint: %w", err)
	}
	return nil
}
