package hostkey

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/durable"
)

// Decide puts decisions into a file, each in the place of an earlier one about
// its key; one without a State takes that back. What returns without an error is on disk. Two programs that decide
// at once wait for each other, until ctx ends.
func Decide(ctx context.Context, file string, decisions ...Decision) error {
	unlock, err := durable.Lock(ctx, file+".lock")
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	defer unlock()
	all, err := ReadDecisions(file)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		all = slices.DeleteFunc(all, func(was Decision) bool { return was.Digest == d.Digest })
		if d.State != "" {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Decision) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	if _, err := decidedBy(all); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return writeState(file, all)
}

// writeState replaces a file of the listener's state, whose folder must be there.
// It belongs to whom the folder belongs: root may decide, and the listener must
// read it.
func writeState(file string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	if err := durable.Replace(file, append(text, '\n')); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(file))
}
