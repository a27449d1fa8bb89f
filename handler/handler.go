// Package handler is what a listener does with a message beyond storing it:
// write it to a file, give it to a program, send it on (DESIGN.md sections 2
// and 9).
//
// A Handler handles one message; a Runner leads the messages of one schema from
// the queue to one Handler, in order, and keeps in a cursor on disk how far it
// has come. Each Runner has its own goroutine and cursor, so that a slow handler
// holds up neither receipts nor other handlers.
//
// Every message is handled at least once, whatever is killed in between. What
// may be handled again after a crash: for File and Forward what was handled since
// the cursor was last written (Options.Lag, a second), for Exec the one message
// under way. After an orderly Close nothing is.
//
// A message that fails is tried again, later each time, while those behind it
// wait; after Options.Tries it becomes a dead letter of code "handler", and the
// next one has its turn.
package handler

import (
	"context"
	"errors"

	"github.com/webhuis/cfengine-messages/queue"
)

// Handler does one thing with messages. A Runner calls all but Name from one
// goroutine. File, Exec and Forward are Handlers.
type Handler interface {
	// Name says what it does with what, and stays the same as long as the
	// configuration does: with the schema it names the cursor.
	Name() string
	// Handle returns nil once m is handled. It gives up when ctx ends.
	Handle(ctx context.Context, m queue.Message) error
	// Reopen lets go of files that may have been moved away.
	Reopen() error
	Close() error
}

// Batcher is a Handler that is quick and does little harm when it handles a
// message twice. Its cursor follows in steps, each after a Flush; that of any
// other Handler follows each message.
type Batcher interface {
	Handler
	// Flush puts on disk what was handled. After an error everything since the
	// last Flush that returned nil is handled again.
	Flush() error
}

// permanent marks an error of the message itself.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks err as one that no further try can mend, because it lies in
// the message; it becomes a dead letter at once. A missing program, a full disk
// or a peer that is away are not permanent: somebody may mend them meanwhile.
func Permanent(err error) error { return permanent{err} }

// IsPermanent tells whether err, or one that it wraps, was marked so.
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}
