package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// leases are the content of seq.now.
type leases struct {
	Boot     string           `json:"boot"`
	Counters map[string]lease `json:"counters"`
}

type lease struct {
	Last uint64   `json:"last"`
	Ends []uint64 `json:"ends"` // what seq.json says; two while it is being replaced, whichever it says by then
}

// maxLeases bounds those that are open, so that they fit on one page: a kill
// cannot tear that.
const (
	maxLeases = 24
	page      = 4096
)

// bootID is the same until the system starts anew (random(4)); empty where it
// is not told.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

// readLeases takes what seq.now says, where it is whole and of this boot.
func (l *ledger) readLeases() (err error) {
	l.now, err = os.OpenFile(filepath.Join(l.folder, "seq.now"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	var data [page]byte
	n, err := l.now.ReadAt(data[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	text, _, _ := bytes.Cut(data[:n], []byte("\n")) // what follows is left of a longer one
	sum, text, _ := bytes.Cut(text, []byte(" "))
	var found leases
	if string(sum) == checksum(text) && json.Unmarshal(text, &found) == nil && found.Boot == l.leases.Boot {
		l.leases = found
	}
	if l.leases.Counters == nil {
		l.leases.Counters = map[string]lease{}
	}
	return nil
}

func checksum(text []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) }

// writeLeases writes them into the page at once, and takes nothing off: the file
// never is shorter than what it says.
func (l *ledger) writeLeases() error {
	text, err := json.Marshal(l.leases)
	if err != nil {
		return err
	}
	_, err = l.now.WriteAt(fmt.Appendf(nil, "%s %s\n", checksum(text), text), 0)
	return err
}
