package truth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// The files of a rebuild. A file leads from one name to the next, so whoever is
// killed when, it is known what is in it.
var (
	fresh = named(".new")   // being made, by who holds the rebuild's lock
	ready = named(".ready") // complete, up to some position: for who holds the truth's lock
	taken = named(".taken") // being taken over by that one
)

// unfitName is the file that a listener could not take over.
const unfitName = fileName + ".unfit"

func named(suffix string) sqlite.File {
	f := file
	f.Name += suffix
	return f
}

// Rebuild makes the truth of a listener's state folder anew from its queue, and
// puts it in the place of the old one, which is there until the end. A listener may
// run on the folder: it takes the new one over once that is made, in one
// transaction, so that who reads sees the old or the new. Nothing is pruned
// meanwhile. The error is ErrRebuilding where another rebuild is under way.
//
// progress may be nil; it is told of messages done after each batch, and of how many
// there were at the beginning.
func Rebuild(ctx context.Context, folder string, o Options, progress func(done, total int64)) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	lock, err := lockForRebuild(ctx, folder)
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	o = o.withDefaults()
	err = removeFile(folder, fresh.Name) // what an earlier one left that was killed
	if err == nil {
		err = build(ctx, folder, fresh, o, progress)
	}
	if err == nil {
		err = handOver(ctx, folder, o)
	} else {
		err = errors.Join(err, removeFile(folder, fresh.Name))
	}
	if err = errors.Join(err, lock.Close()); err != nil {
		return fmt.Errorf("truth: rebuilding: %w", err)
	}
	return nil
}

// build applies the whole queue to a fresh file, which is good for nothing where
// that is cut off: so nothing is written twice for a journal's sake.
func build(ctx context.Context, folder string, f sqlite.File, o Options, progress func(done, total int64)) error {
	t, err := open(folder, f, o)
	if err != nil {
		return err
	}
	err = t.writer.conn.Run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")
	if err == nil {
		err = t.applyAll(ctx, progress)
	}
	if err == nil {
		err = t.writer.conn.Run("PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL")
	}
	return errors.Join(err, t.release(), syncFile(filepath.Join(folder, f.Name)))
}

// syncFile sees to it that a file is on disk whole before it takes another's place.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (t *Truth) applyAll(ctx context.Context, progress func(done, total int64)) error {
	counts, err := t.queue.Counts(ctx)
	if err != nil {
		return err
	}
	for done := int64(0); ctx.Err() == nil; {
		applied, err := t.step()
		if err != nil || applied == 0 {
			return err
		}
		done += int64(applied)
		progress(done, max(done, counts.Messages))
	}
	return ctx.Err()
}

// replace puts a complete file in the place of the truth. The old one goes first,
// and its WAL with it: SQLite would take that for the new one's. Killed in
// between, there is none, and the next Open makes one from the queue.
func replace(folder, fresh string) error {
	if _, err := os.Stat(filepath.Join(folder, fresh+"-wal")); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errors.New("the new file is open elsewhere: close it and rebuild again"), err)
	}
	if err := removeFile(folder, fileName); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(folder, fresh), filepath.Join(folder, fileName)); err != nil {
		return err
	}
	return durable.SyncFolder(folder)
}

// removeFile removes a file and what SQLite keeps beside it.
func removeFile(folder, name string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(folder, name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
