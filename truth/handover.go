package truth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// lookEvery is how often a listener looks for what a rebuild made, or as often as
// Options.Poll says.
const lookEvery = time.Second

// handOver has a complete file take the place of the truth: the listener does it
// where one runs, else this process. Each may come or go meanwhile.
func handOver(ctx context.Context, folder string, o Options) error {
	if err := removeFile(folder, unfitName); err != nil {
		return err
	}
	if err := rename(folder, fresh.Name, ready.Name); err != nil {
		return err
	}
	for told, deadline := false, time.Now().Add(o.Patience); ; {
		lock, err := lockTruth(folder)
		if err == nil {
			return errors.Join(settle(ctx, folder, o), lock.Close())
		}
		if !errors.Is(err, ErrLocked) {
			return err
		}
		if there(folder, unfitName) || !waits(folder) {
			return refused(folder)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the listener did not take it over within %s; it does so when it starts next", o.Patience)
		}
		if !told {
			told = true
			o.Log.Info("the truth is made anew, the listener takes it over")
		}
		if err := sleep(ctx, lockEvery); err != nil {
			return err
		}
	}
}

// waits tells whether a complete file waits to be taken over.
func waits(folder string) bool { return there(folder, ready.Name) || there(folder, taken.Name) }

func there(folder, name string) bool {
	_, err := os.Lstat(filepath.Join(folder, name))
	return err == nil
}

// refused is the error of what a listener could not take over, nil where it could.
func refused(folder string) error {
	if !there(folder, unfitName) {
		return nil
	}
	err := errors.New("the listener could not take it over, its log says why; the old truth stays")
	return errors.Join(err, removeFile(folder, unfitName))
}

// settle does it where no listener runs; the caller holds the truth's lock. What a
// listener took, and was killed at, is as complete.
func settle(ctx context.Context, folder string, o Options) error {
	if there(folder, ready.Name) {
		if err := rename(folder, ready.Name, taken.Name); err != nil {
			return err
		}
	}
	if !there(folder, taken.Name) {
		return refused(folder)
	}
	if err := catchUp(ctx, folder, taken, o); err != nil {
		return err
	}
	return replace(folder, taken.Name)
}

// catchUp applies what a complete file lacks, by whole transactions: whoever is
// killed meanwhile leaves it complete.
func catchUp(ctx context.Context, folder string, f sqlite.File, o Options) error {
	t, err := open(folder, f, o)
	if err != nil {
		return err
	}
	return errors.Join(t.applyAll(ctx, func(int64, int64) {}), t.release(), syncFile(filepath.Join(folder, f.Name)))
}

// rename gives a file another name, in the place of one that has it. No SQLite has
// it open: there is nothing beside it.
func rename(folder, from, to string) error {
	if err := removeFile(folder, to); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(folder, from), filepath.Join(folder, to)); err != nil {
		return err
	}
	return durable.SyncFolder(folder)
}

// handedOver tells whether something waits to be taken over.
func (t *Truth) handedOver() bool { return waits(t.folder) }

// takeOver puts what a rebuild made in the place of what is there, once it knows as
// much. What does not fit is put aside, and the old truth goes on. The projector
// calls it between two transactions.
func (t *Truth) takeOver() {
	if time.Since(t.lookedAt) < min(lookEvery, t.options.Poll) {
		return
	}
	t.lookedAt = time.Now()
	if !t.handedOver() {
		return
	}
	began := time.Now()
	changes, err := t.takeOverNow()
	if t.ctx.Err() != nil {
		return // Close cut it off, and it waits still
	}
	if err != nil {
		t.options.Log.Error("the truth made anew does not fit, the old one stays", "error", err)
		err = errors.Join(rename(t.folder, taken.Name, unfitName), removeFile(t.folder, taken.Name))
	} else {
		t.options.Log.Info("the truth made anew is taken over", "position", t.Status().Position, "differs", len(changes), "took", time.Since(began))
		err = removeFile(t.folder, taken.Name)
	}
	if err != nil {
		t.options.Log.Error("what is left of a rebuild stays", "error", err)
	}
	if len(changes) > 0 {
		t.options.Changed(changes)
	}
}

func (t *Truth) takeOverNow() (changes []Change, err error) {
	if there(t.folder, ready.Name) {
		if err := rename(t.folder, ready.Name, taken.Name); err != nil {
			return nil, err
		}
	}
	o := t.options
	o.Changed = func([]Change) {}
	t.writing.Lock()
	o.Schemas = t.writer.registry
	t.writing.Unlock()
	made, err := open(t.folder, taken, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, made.release()) }()
	if err := made.applyAll(t.ctx, func(int64, int64) {}); err != nil {
		return nil, err
	}
	if behind := t.Status().Position - made.Status().Position; behind > 0 {
		return nil, fmt.Errorf("it lacks %d messages that the old one has", behind)
	}
	if changes, err = made.differs(t); err != nil {
		return nil, err
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := made.writer.setSchemas(t.writer.registry); err != nil { // they may be others by now
		return nil, err
	}
	if err := made.writer.conn.CopyTo(t.writer.conn); err != nil {
		return nil, err
	}
	clear(t.writer.subjects)
	t.replaced(made.Status())
	return changes, nil
}

// differs tells what is known otherwise than by another truth.
func (t *Truth) differs(than *Truth) (changes []Change, err error) {
	path := filepath.Join(than.folder, fileName)
	if _, err := t.writer.conn.ExecContext(t.ctx, "ATTACH ? AS other", path); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.writer.conn.Run("DETACH other")) }()
	// The same message says the same, unless its schema names another entity now.
	rows, err := t.writer.conn.QueryContext(t.ctx, `
		SELECT schema, entity FROM main._facts m LEFT JOIN other._facts o USING (schema, entity)
			WHERE (SELECT position FROM main._messages WHERE id = m.id`+newestFirst+`) IS NOT (SELECT position FROM other._messages WHERE id = o.id`+newestFirst+`)
		UNION ALL
		SELECT schema, entity FROM other._facts o LEFT JOIN main._facts m USING (schema, entity) WHERE m.id IS NULL`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c Change
		if err := rows.Scan(&c.Schema, &c.Entity); err != nil {
			return nil, err
		}
		if s, err := t.writer.registry.Find(c.Schema, ""); err == nil {
			c.Sender = s.Entity.Sender
		}
		changes = append(changes, c)
	}
	return changes, rows.Err()
}
