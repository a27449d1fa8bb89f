package handler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// progress is a cursor in memory and on disk. One goroutine uses it.
type progress struct {
	Cursor               // as it is
	saved   Cursor       // as it lies on disk
	savedAt time.Time    // as saved.SavedAt, but safe against a clock that is set
	path    string       // where it lies
	empty   int64        // up to here the queue holds nothing more to handle
	flush   func() error // of a Batcher; nil: the cursor is saved after each message
	options Options
}

// openProgress reads the cursor of h. A handler that has none yet is new and
// begins at the end of the queue, so that adding one does not repeat years; its
// cursor is written at once.
func openProgress(h Handler, o Options) (*progress, error) {
	folder, err := makeCursorFolder(o.State)
	if err != nil {
		return nil, err
	}
	p := &progress{path: filepath.Join(folder, cursorName(o.Schema, h.Name())), options: o}
	if b, batches := h.(Batcher); batches {
		p.flush = b.Flush
	}
	if err := removeLeftovers(p.path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	counts, err := o.Reader.Counts(ctx)
	if err != nil {
		return nil, fmt.Errorf("handler: %w", err)
	}
	return p, p.load(h.Name(), counts.Last)
}

// load reads the cursor, or makes it at the queue's end.
func (p *progress) load(name string, end int64) error {
	var err error
	p.Cursor, err = readCursor(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		p.Cursor = Cursor{Schema: p.options.Schema, Name: name, First: end, Position: end}
		return p.save()
	}
	if err != nil {
		return err
	}
	if p.Position > end {
		return fmt.Errorf("handler: the cursor %s of %s for %s is at position %d and the queue ends at %d, so it belongs to another queue; "+
			"put that one back, or remove the cursor: then the handler goes on with what comes after its next start", p.path, name, p.Schema, p.Position, end)
	}
	p.First = min(p.First, p.Position) // somebody had it handle earlier ones too
	p.saved, p.savedAt = p.Cursor, p.options.Now()
	return nil
}

// idleStride is after how many messages of other schemas the cursor is saved too,
// so that the next start need not pass over them all again.
const idleStride = 10_000

// from is the position after which something may be left to handle.
func (p *progress) from() int64 { return max(p.Position, p.empty) }

// due tells whether the cursor has waited long enough to be saved.
func (p *progress) due() bool {
	return (p.Cursor != p.saved || p.from()-p.saved.Position >= idleStride) && p.untilDue() <= 0
}

// untilDue is how long the cursor may still wait to be saved, where it has moved.
func (p *progress) untilDue() time.Duration {
	if p.flush == nil {
		return 0
	}
	return p.savedAt.Add(p.options.Lag).Sub(p.options.Now())
}

// save writes the cursor, after what lies before it is on disk. Where that cannot
// be, all since the saved one has to be handled again: the cursor goes back.
func (p *progress) save() error {
	if p.flush != nil {
		if err := p.flush(); err != nil {
			p.Position, p.empty = p.saved.Position, 0
			return err
		}
	}
	now := p.options.Now()
	p.Position, p.SavedAt = p.from(), now.UTC().Round(0)
	if err := writeCursor(p.path, p.Cursor); err != nil {
		return err
	}
	p.saved, p.savedAt = p.Cursor, now
	return nil
}

// saveAll saves the cursor if it has moved at all.
func (p *progress) saveAll() error {
	if p.Cursor == p.saved && p.from() == p.saved.Position {
		return nil
	}
	return p.save()
}
