package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/webhuis/cfengine-messages/durable"
)

// count is where a schema's counter stands.
type count struct {
	Last uint64 // the last number taken
	End  uint64 // of the lease; Last where there is none
}

// ledger is the counters of a state folder, in two files and under their lock:
//
//	seq.json  the End of each schema, written durably, with its digest below
//	seq.now   the Last of each schema whose lease is open, one page of a file
//	          that is written in place and left to the system to put on disk
//
// What a process has written to a page, the system keeps whoever is killed. It
// is gone with a power failure; then the boot's id is another, and all numbers
// up to End count as taken. So does what is damaged in seq.now, or does not fit
// seq.json.
//
// The files stay open between two looks at them: a run takes its numbers one by
// one, and most often nobody else came in between.
type ledger struct {
	folder string
	boot   string
	lock   *durable.LockFile
	now    *os.File // seq.now
	page   []byte   // what it said last
	leases leases
	ends   map[string]uint64
	json   *os.File // seq.json, as it was when ends were read; nil where there was none
	read   os.FileInfo
}

// openLedger locks the counters and reads them, until close.
func openLedger(ctx context.Context, folder, boot string) (*ledger, error) {
	lock, err := durable.OpenLock(filepath.Join(folder, "seq.lock"))
	if err != nil {
		return nil, err
	}
	l := &ledger{folder: folder, boot: boot, lock: lock}
	l.now, err = os.OpenFile(filepath.Join(folder, "seq.now"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = l.enter(ctx)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// enter locks the counters and reads what others may have changed.
func (l *ledger) enter(ctx context.Context) error {
	if err := l.lock.Hold(ctx); err != nil {
		return err
	}
	if err := l.readEnds(); err != nil {
		return err
	}
	return l.readLeases()
}

// stands tells whether these are the files that other agents have too.
func (l *ledger) stands() bool { return l.lock.Stands() }

// leave lets others at the counters.
func (l *ledger) leave() error { return l.lock.Release() }

func (l *ledger) file() string { return filepath.Join(l.folder, "seq.json") }

func (l *ledger) close() {
	for _, f := range []*os.File{l.json, l.now} {
		if f != nil {
			f.Close()
		}
	}
	l.lock.Close()
}

// readEnds reads seq.json unless it is the one that was read. That stays open, so
// that no other file is given its number.
func (l *ledger) readEnds() error {
	now, err := os.Stat(l.file())
	if err == nil && l.json != nil && sameVersion(now, l.read) {
		return nil
	}
	if l.json != nil {
		l.json.Close()
	}
	if l.json, err = os.Open(l.file()); err == nil {
		l.read, err = l.json.Stat()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.ends, err = readEnds(l.file())
	return err
}

func sameVersion(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func readEnds(file string) (map[string]uint64, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]uint64{}, nil
	}
	if err != nil {
		return nil, err
	}
	var ends map[string]uint64
	line, sum, whole := bytes.Cut(data, []byte("\n"))
	if err = json.Unmarshal(line, &ends); err == nil && whole && string(sum) != sumOf(line)+"\n" { // older modules wrote none
		err = errDigest
	}
	if err == nil && ends == nil {
		err = errors.New("it holds no counters")
	}
	for schema, end := range ends {
		if end >= maxSequence {
			err = fmt.Errorf("%d messages of %s", end, schema)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): remove it, and the counters start anew", file, err)
	}
	return ends, nil
}

// count tells where a counter stands.
func (l *ledger) count(schema string) count {
	end := l.ends[schema]
	open, leased := l.leases.Counters[schema]
	if leased && open.Last <= end && slices.Contains(open.Ends, end) {
		return count{Last: open.Last, End: end}
	}
	return count{Last: end, End: end}
}

// mayLease tells whether there is room for a lease, and a boot to tie it to.
func (l *ledger) mayLease(schema string) bool {
	_, known := l.leases.Counters[schema]
	return l.boot != "" && (known || len(l.leases.Counters) < maxLeases)
}

// write moves counters. A kill at any point leaves each of them where it was or
// where it goes: before seq.json gets another End, seq.now holds for both.
func (l *ledger) write(next map[string]count) error {
	moved, noted := false, false
	for schema, c := range next {
		was := l.count(schema)
		_, known := l.leases.Counters[schema]
		if c.End != was.End && (known || c.End > c.Last) {
			l.leases.Counters[schema] = lease{Last: was.Last, Ends: []uint64{was.End, c.End}}
		}
		moved = moved || c.End != was.End
		noted = noted || known || c.End > c.Last
	}
	var err error
	if moved && noted {
		err = l.writeLeases()
	}
	if moved && err == nil {
		err = l.writeEnds(next)
	}
	if noted && err == nil {
		l.note(next)
		err = l.writeLeases()
	}
	return err
}

// note keeps what leases are open.
func (l *ledger) note(next map[string]count) {
	for schema, c := range next {
		if c.End > c.Last {
			l.leases.Counters[schema] = lease{Last: c.Last, Ends: []uint64{c.End}}
		} else {
			delete(l.leases.Counters, schema)
		}
	}
}

func (l *ledger) writeEnds(next map[string]count) error {
	for schema, c := range next {
		l.ends[schema] = c.End
	}
	data, err := json.Marshal(l.ends)
	if err != nil {
		return err
	}
	return durable.Write(l.file(), withDigest(data))
}
