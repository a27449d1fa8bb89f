package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
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

// readLeases takes what seq.now says, where it is whole and of this boot, unless
// that is what it said before.
func (l *ledger) readLeases() error {
	var data [page]byte
	n, err := l.now.ReadAt(data[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	if l.page != nil && bytes.Equal(data[:n], l.page) {
		return nil
	}
	l.page = data[:n]
	text, _, _ := bytes.Cut(data[:n], []byte("\n")) // what follows is left of a longer one
	sum, text, _ := bytes.Cut(text, []byte(" "))
	l.leases = leases{}
	if string(sum) != checksum(text) || json.Unmarshal(text, &l.leases) != nil || l.leases.Boot != l.boot {
		l.leases = leases{Boot: l.boot}
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
	line := fmt.Appendf(nil, "%s %s\n", checksum(text), text)
	if _, err := l.now.WriteAt(line, 0); err != nil {
		return err
	}
	if len(l.page) < len(line) {
		l.page = append(l.page, make([]byte, len(line)-len(l.page))...)
	}
	copy(l.page, line)
	return nil
}
