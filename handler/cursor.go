package handler

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Cursor is how far one handler has come with the messages of one schema.
type Cursor struct {
	Schema string `json:"schema"`
	Name   string `json:"handler"`
	// First is where the queue ended when the handler was first started: what
	// lies up to there was never for it.
	First int64 `json:"first"`
	// Position is up to where all is done: handled, or a dead letter.
	Position int64 `json:"position"`
	// Trying is the position of the message that fails, 0 when none does.
	Trying    int64     `json:"trying,omitempty"`
	Tries     int       `json:"tries,omitempty"`      // of the message at Trying
	LastError string    `json:"last_error,omitempty"` // cleared when a message is handled
	SavedAt   time.Time `json:"saved_at"`
}

// State says what became of a message of the cursor's schema at its handler.
type State string

const (
	Earlier State = "earlier" // stored before the handler was there, and never for it
	Done    State = "done"    // handled; or given up, then there is a dead letter
	Failing State = "failing" // tried in vain; Tries and LastError say more
	Waiting State = "waiting" // not yet tried; or done less than Options.Lag ago
)

// State tells what became of the message at position.
func (c Cursor) State(position int64) State {
	switch {
	case position <= c.First:
		return Earlier
	case position <= c.Position:
		return Done
	case position == c.Trying:
		return Failing
	}
	return Waiting
}

func (c Cursor) check() error {
	switch {
	case c.First < 0 || c.Position < 0 || c.Trying < 0 || c.Tries < 0:
		return errors.New("first or position is missing, or a number is below 0")
	case c.Trying != 0 && c.Trying <= c.Position:
		return fmt.Errorf("position %d is done, and %d is being tried", c.Position, c.Trying)
	}
	return nil
}

// failed notes that the message at position was tried in vain once more.
func (c *Cursor) failed(position int64, err error) {
	c.Tries = c.triesOf(position) + 1
	c.Trying, c.LastError = position, printable(err.Error())
}

// triesOf is how often the message at position was tried in vain.
func (c *Cursor) triesOf(position int64) int {
	if c.Trying == position {
		return c.Tries
	}
	return 0
}

// passed notes that the message at position is done, with err where it was given up.
func (c *Cursor) passed(position int64, err error) {
	c.Position, c.Trying, c.Tries, c.LastError = position, 0, 0, ""
	if err != nil {
		c.LastError = printable(err.Error())
	}
}

// ReadCursors reads the cursors in a listener's state folder, also from another
// process while the listener runs: of every handler that was ever started there,
// configured still or not. There are none before the first start. Beside an error,
// which names each damaged file, come the cursors that could be read.
func ReadCursors(state string) ([]Cursor, error) {
	folder := filepath.Join(state, cursorFolder)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("handler: reading cursors: %w", err)
	}
	var cursors []Cursor
	var problems []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		c, err := readCursor(filepath.Join(folder, e.Name()))
		switch {
		case err == nil:
			cursors = append(cursors, c)
		case !errors.Is(err, fs.ErrNotExist): // one removed by hand meanwhile
			problems = append(problems, err)
		}
	}
	return cursors, errors.Join(problems...)
}
