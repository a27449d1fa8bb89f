package listener

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is how much room a file system must have left for anything to be stored.
type Disk struct {
	Folder string // on the file system that is meant
	Least  int64  // bytes; 0 is no limit
}

// errDiskLow is why nothing is stored although the disk is not full yet.
var errDiskLow = errors.New("the disk has less room left than limits.disk_free of the configuration says")

const (
	// askDisk is how long what the file system said holds, unless much is stored.
	askDisk = time.Second
	// onDisk is how often the bytes of a message lie on the disk at most, in the
	// queue and the truth and in what both have not yet folded into their files.
	onDisk = 4
	// onItsOwn is what a message takes besides that is committed alone: whole pages
	// of the tables and indexes that it touches, in both files' WAL.
	onItsOwn = 128 << 10
)

// room knows whether there is any. What is already being written, the truth and
// handlers need some after the last message was taken: so there has to be more
// than nothing. Once it is low, there has to be a quarter more until it is not,
// else each message that leaves or comes would change that.
type room struct {
	disk Disk
	now  func() time.Time
	log  *slog.Logger

	mu    sync.Mutex
	asked time.Time
	spare int64 // bytes that may be stored before it is asked again
	low   bool
}

// isLow tells whether there is no room to store so many bytes.
func (r *room) isLow(size int) bool {
	if r.disk.Least <= 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	need := int64(size)*onDisk + onItsOwn
	r.spare -= need
	if since := now.Sub(r.asked); since >= 0 && since < askDisk && (r.low || r.spare > 0) {
		return r.low
	}
	r.asked = now
	free, err := freeBytes(r.disk.Folder)
	if err != nil { // the queue will say so itself, if it cannot write
		free = r.disk.Least * 2
	}
	r.found(free - need) // what is asked for is not on the disk yet
	return r.low
}

// found tells it once when there is no more room, and once when there is again.
// free is what will be left with the message that is asked for stored.
func (r *room) found(free int64) {
	least := r.disk.Least
	if r.low {
		least += least / 4
	}
	low := free < least
	switch {
	case low && !r.low:
		r.log.Error("the disk is nearly full: nothing more is stored, senders are told to come again. Make room, it goes on by itself",
			"folder", r.disk.Folder, "free", free, "least", r.disk.Least)
	case !low && r.low:
		r.log.Info("the disk has room again: messages are stored", "folder", r.disk.Folder, "free", free)
	}
	r.low, r.spare = low, free-least
}

// freeBytes is what this user may still write there.
func freeBytes(folder string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return 0, fmt.Errorf("%s: %w", folder, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}
