package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/hostkey"
)

// epochs are the lives of listeners' stores, as receipts name them: what was
// stored in another life than the last one that was heard of is not there any
// more, and is sent again. A listener that has none counts as one of a life
// without a name.
type epochs struct {
	file string

	mu     sync.Mutex
	read   bool
	latest map[string]string
}

// store names where a receipt says that a message lies. Only what is proved
// counts: who can answer for a listener could else have everything sent again.
type store struct {
	Listener hostkey.Digest `json:"listener,omitempty"` // empty where the connection proved it
	Endpoint string         `json:"endpoint,omitempty"`
	Epoch    string         `json:"epoch,omitempty"`
}

func (a answer) store() store {
	if a.listener == "" && !a.curve {
		return store{}
	}
	return store{Listener: a.listener, Endpoint: a.endpoint, Epoch: a.receipt.Epoch}
}

func (s store) name() string { return string(s.Listener) + " " + s.Endpoint }

func newEpochs(state string) *epochs {
	return &epochs{file: filepath.Join(state, "epochs.json")}
}

// passed tells whether the life of a store is over.
func (e *epochs) passed(s store) bool {
	if s.Endpoint == "" {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.load()
	latest, heard := e.latest[s.name()]
	return heard && latest != s.Epoch
}

// heard notes what a receipt says.
func (e *epochs) heard(ctx context.Context, s store) error {
	if s.Endpoint == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.load()
	if latest, heard := e.latest[s.name()]; heard && latest == s.Epoch {
		return nil
	}
	unlock, err := durable.Lock(ctx, filepath.Join(filepath.Dir(e.file), "delivered.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	e.read = false // another agent of this host may have heard of others
	e.load()
	e.latest[s.name()] = s.Epoch
	data, err := json.Marshal(e.latest)
	if err != nil {
		return err
	}
	return durable.Write(e.file, data)
}

// load reads the file, once a run. One that is damaged has heard nothing: the
// next receipt tells.
func (e *epochs) load() {
	if e.read {
		return
	}
	e.read, e.latest = true, map[string]string{}
	data, err := os.ReadFile(e.file)
	if err != nil || json.Unmarshal(data, &e.latest) != nil || e.latest == nil {
		e.latest = map[string]string{}
	}
}
