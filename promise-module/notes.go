package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/durable"
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
	unlock, err := durable.Lock(ctx, filepath.Join(state, "outbox.lock"))
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
	return durable.Write(notesFile(state), data)
}

// noteTarget notes whether a target took something that waited.
func (f *flights) noteTarget(target string, took bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.took[target] = took
}

// leftOutbox notes that the folder is to be synced.
func (f *flights) leftOutbox() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
}

// noteRun puts what this run did to the outbox, and learned of it, on disk: once,
// however many messages left.
func (m *messages) noteRun(ctx context.Context) error {
	f := m.flights
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		if err := durable.SyncFolder(outboxFolder(m.work.state())); err != nil {
			return err
		}
	}
	if len(f.tried)+len(f.took)+len(f.drops) == 0 {
		return nil
	}
	all, _, err := outboxEntries(m.work.state())
	if err != nil {
		return err
	}
	return changeNotes(ctx, m.work.state(), func(n *notes) {
		there := map[string]bool{}
		for _, e := range all {
			there[e.name], there[e.target] = true, true
		}
		for name, why := range f.tried {
			n.Tried[name] = tried{Times: n.Tried[name].Times + 1, Why: why.Error()}
		}
		for target, took := range f.took {
			n.Failed[target]++
			if took {
				n.Failed[target] = 0
			}
		}
		n.Dropped += len(f.drops)
		n.Drops = append(n.Drops, f.drops...)
		keepThose(n.Tried, there)
		keepThose(n.Failed, there)
	})
}

func keepThose[V any](of map[string]V, there map[string]bool) {
	for name := range of {
		if !there[name] {
			delete(of, name)
		}
	}
}
