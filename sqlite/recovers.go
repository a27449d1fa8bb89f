package sqlite

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// Recovers tells whether a writer can go on after a failed transaction. SQLite
// undoes it whole in each of these cases, and the next one may pass: the disk is
// full, somebody else holds the write lock, memory is short. Anything else, above
// all a failed fsync, leaves doubt about what is on disk.
// Source: https://www.sqlite.org/rescode.html.
func Recovers(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case sqlite3.ErrFull, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrNomem:
		return true
	}
	switch e.ExtendedCode {
	case sqlite3.ErrIoErrNoMem, sqlite3.ErrIoErrSHMSize: // the -shm file cannot grow: disk full
		return true
	case sqlite3.ErrIoErrWrite: // SQLite knows ENOSPC as full, a used-up quota it does not
		return e.SystemErrno == syscall.EDQUOT || e.SystemErrno == syscall.ENOSPC
	}
	return false
}
