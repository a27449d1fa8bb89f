package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/promise"
)

// maxView bounds a view, in bytes: CFEngine's host_specific.json stops at 5 MiB.
const maxView = 5 << 20

// viewName is the file of a promise's view, as policy would name it:
// $(sys.statedir)/messages/views/<canonified promiser>.json. A file system
// takes 255 bytes of a name, and the temporary file's is the longer one.
func viewName(promiser string) string {
	name := promise.Canonify(promiser)
	return name[:min(len(name), 200)] + ".json"
}

// writeView puts a view where policy reads it, atomically and readable by
// root alone. It tells whether the file changed. The last good view stays
// when anything fails.
func writeView(file string, data json.RawMessage) (changed bool, err error) {
	safe, err := safeForPolicy(data)
	if err != nil {
		return false, fmt.Errorf("view for %s: %w", file, err)
	}
	if len(safe) > maxView {
		return false, fmt.Errorf("view for %s: %d bytes are more than CFEngine reads (%d): have the listener's view select less", file, len(safe), maxView)
	}
	if holdsBytes(file, safe) {
		return false, nil
	}
	err = durable.Write(file, safe)
	return err == nil, err
}

// holdsBytes tells whether a file has this content. One of another size is not
// read, and so no pipe, which has none and would be waited for.
func holdsBytes(file string, want []byte) bool {
	if info, err := os.Stat(file); err != nil || info.Size() != int64(len(want)) {
		return false
	}
	old, err := os.ReadFile(file)
	return err == nil && bytes.Equal(old, want)
}
