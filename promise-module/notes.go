package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// notes are what is known of the outbox besides its messages. Nothing hangs on
// them but what is shown, and when what waits is tried: damaged, they begin anew.
type notes struct {
	Tried   map[string]tried `json:"tried,omitempty"`   // by the entry's name
	Failed  map[string]int   `json:"failed,omitempty"`  // runs in a row in which a target took nothing
	Dropped int              `json:"dropped,omitempty"` // messages, ever
	Drops   []listed         `json:"drops,omitempty"`   // the last of them
}

// tried is how often a message was sent in vain, and why the last time.
type tried struct {
	Times int    `json:"times"`
	Why   string `json:"why"`
}

// maxDrops bounds the drops that are kept to be shown.
const maxDrops = 100

func notesFile(state string) string { return filepath.Join(state, "outbox.json") }

func readNotes(state string) (notes, error) {
	n := notes{}
	data, err := os.ReadFile(notesFile(state))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	if json.Unmarshal(data, &n) != nil {
		n = notes{}
	}
	if n.Tried == nil {
		n.Tried = map[string]tried{}
	}
	if n.Failed == nil {
		n.Failed = map[string]int{}
	}
	return n, nil
}

// changeNotes changes the notes while no other agent of this host does.
func changeNotes(ctx context.Context, state string, change func(*notes)) error {
	unlock, err := lock(ctx, filepath.Join(state, "outbox.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	n, err := readNotes(state)
	if err != nil {
		return err
	}
	change(&n)
	n.Drops = n.Drops[max(len(n.Drops)-maxDrops, 0):]
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return writeDurably(notesFile(state), data)
}
