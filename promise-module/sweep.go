package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tornAfter is the age at which a temporary file is none that is being written:
// that takes milliseconds.
const tornAfter = time.Hour

// sweep removes the temporary files that killed modules left in the folders of
// the state; their names begin with a dot. What cannot be removed now is left to
// the next run, for it does no harm but to take up room.
func sweep(state string, now time.Time) {
	for _, folder := range []string{state, outboxFolder(state), filepath.Join(state, "delivered"), filepath.Join(state, "views")} {
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				continue // there may be thousands
			}
			info, err := e.Info()
			if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > tornAfter {
				_ = os.Remove(filepath.Join(folder, e.Name()))
			}
		}
	}
}
