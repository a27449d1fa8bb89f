// Package queue is the listener's durable log of what it accepted, and of what
// it refused (DESIGN.md sections 9 and 10): one SQLite file, queue.db, in the
// listener's state folder.
//
// A Queue writes. Put and Bury hand over and return; one goroutine, the
// committer, takes what has gathered, writes it in one transaction, and calls
// the done functions once the transaction is on disk (SQLite's COMMIT under WAL
// and synchronous=FULL is an fsync). There is no timer: a lone message is
// committed at once, and while its fsync runs the next batch gathers.
//
// Prune lets messages leave that nobody needs any more; their positions are not
// given again, so there are gaps. The pages that become free are used for what
// comes next: the file stops growing, and never shrinks.
//
// A Reader reads, in the same process or another, whether or not a Queue is open.
package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// DuplicateWindow is how long a stored message id is remembered: the longest
// lifetime an envelope may have (DESIGN.md sections 4 and 10), and the most that
// its sender's clock may be ahead, for it lives longer by as much.
const DuplicateWindow = 31*24*time.Hour + time.Hour

// Message is one accepted message, as the log keeps it.
type Message struct {
	Position   int64     // its place in the log, from 1 on in the order of storing; given by the queue
	ReceivedAt time.Time // kept to the microsecond, in UTC; the time of Put when zero
	Pattern    string
	Sender     string // key digest; "" when unsigned
	Peer       string
	Schema     string
	Version    string
	MessageID  string
	IssuedAt   int64 // the envelope's iat, in seconds; 0 when it has none
	Seq        uint64
	Encrypted  bool   // it came encrypted, and Frame was inside
	Frame      []byte // the envelope as its sender signed it, or the bare container
}

// Stored tells what became of a Put.
type Stored struct {
	Position  int64 // where the message lies; of a duplicate, where the first one lies
	Duplicate bool  // this sender's message id was stored within DuplicateWindow before
	Err       error // set: nothing was stored, and the sender must not be told otherwise
}

// Options are the limits of a Queue. The zero value of each means its default.
type Options struct {
	Batch           int   // messages in one transaction at most; 4096
	Waiting         int   // messages not yet committed at most; 16384
	WaitingBytes    int64 // bytes of their frames at most; 64 MiB
	DeadLetters     int64 // dead letters kept at most, the oldest go first; 10000
	DeadLetterBytes int64 // bytes of their frames and reasons at most; 256 MiB
	// How long a dead letter is kept, by the time it was received; 90 days. Each Prune
	// lets go of what is older.
	DeadLetterAge time.Duration

	Now func() time.Time // time.Now
}

func (o Options) withDefaults() Options {
	o.Batch = orDefault(o.Batch, 4096)
	o.Waiting = orDefault(o.Waiting, 16384)
	o.WaitingBytes = orDefault(o.WaitingBytes, 64<<20)
	o.DeadLetters = orDefault(o.DeadLetters, 10000)
	o.DeadLetterBytes = orDefault(o.DeadLetterBytes, 256<<20)
	o.DeadLetterAge = orDefault(o.DeadLetterAge, 90*24*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orDefault[N int | int64 | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Queue is the one writer of a log. Its methods may be called from any goroutine.
type Queue struct {
	options Options
	lock    *os.File
	writer  *writer
	waiting *waiting
	ended   chan struct{} // closed when the committer has ended
	broken  chan struct{} // closed when err is set

	oneAtATime chan struct{} // holds one while somebody prunes

	mu    sync.Mutex
	err   error // why the queue is broken
	stats Stats

	closing  sync.Once
	closeErr error
}

// Open opens the log in folder, makes both where they are missing (0700, 0600),
// and locks the folder against a second listener (ErrLocked). What an earlier
// listener committed before it was killed is there; what it had not, is not.
func Open(folder string, o Options) (*Queue, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	o = o.withDefaults()
	w, err := openWriter(folder, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("queue: %w", err), lock.Close())
	}
	q := &Queue{
		options: o, lock: lock, writer: w, waiting: newWaiting(o),
		ended: make(chan struct{}), broken: make(chan struct{}), oneAtATime: make(chan struct{}, 1),
	}
	go q.commitWhatComes()
	return q, nil
}

// Epoch names the log: the same for as long as its file lives, and another one
// where that was lost and made anew. 16 hexadecimal digits.
func (q *Queue) Epoch() string { return q.writer.epoch }

// Close refuses what comes from now on, commits what waits, calls its done
// functions, folds the WAL into the file and releases the folder. It must not be
// called from a done function. Further calls return what the first one did.
func (q *Queue) Close() error {
	q.closing.Do(func() {
		q.waiting.close()
		<-q.ended
		var folding error
		if q.Err() == nil {
			folding = q.writer.fold()
		}
		// The lock goes last: until the file is closed nobody else may write it.
		if err := errors.Join(folding, q.writer.close(), q.lock.Close()); err != nil {
			q.closeErr = fmt.Errorf("queue: closing: %w", err)
		}
	})
	return q.closeErr
}

// Broken is closed when the queue can no longer promise that a commit is on disk,
// such as after a failed fsync: the kernel reports that once, and a later fsync
// succeeds without the lost pages. Everything put from then on fails; the process
// should stop and be started again. Err says why.
func (q *Queue) Broken() <-chan struct{} { return q.broken }

// Err returns why the queue is broken, or nil while it is not.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

func (q *Queue) breakDown(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = fmt.Errorf("%w: %w", ErrBroken, err)
		close(q.broken)
	}
}
