package queue

import "errors"

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
