package queue

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

var (
	// ErrFull means that too much waits for its commit already: say busy, try later.
	ErrFull = errors.New("queue: full: what waits to be written has reached its limit")
	// ErrTooLarge means that a frame alone is larger than all that may wait.
	ErrTooLarge = errors.New("queue: the frame is larger than the queue can take")
	// ErrClosed means that Close was called.
	ErrClosed = errors.New("queue: closed")
	// ErrBroken means that the file can no longer be written safely; see Queue.Broken.
	ErrBroken = errors.New("queue: broken, the listener must be restarted")
	// ErrLocked means that another listener holds the folder.
	ErrLocked = errors.New("in use by another listener")
	// ErrNotFound means that there is no such dead letter (any more).
	ErrNotFound = errors.New("queue: no such dead letter")
)

// recovers tells whether the queue can go on after a failed transaction. SQLite
// undoes it whole in each of these cases, and the next one may pass: the disk is
// full, somebody else holds the write lock, memory is short. Anything else, above
// all a failed fsync, leaves doubt about what is on disk.
// Source: https://www.sqlite.org/rescode.html.
func recovers(err error) bool {
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
