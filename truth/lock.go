package truth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another process writes the truth of this folder.
var ErrLocked = errors.New("in use by a listener or a rebuild")

// ErrRebuilding means that another rebuild is under way.
var ErrRebuilding = errors.New("another rebuild is under way")

// The files that are locked, in a listener's state folder.
const (
	lockName        = "truth.lock"   // held by who writes truth.db
	rebuildLockName = "rebuild.lock" // held by a rebuild; shared by a Prune, which must not go on beside one
)

// lockTruth takes the truth of a folder for this process.
func lockTruth(folder string) (*os.File, error) {
	lock, err := lockFile(folder, lockName, unix.LOCK_EX)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("the truth in %s is %w: stop that first", folder, ErrLocked)
	}
	return lock, err
}

// lockForListener waits a little where a rebuild has it, which is about to put what
// it made in its place.
func lockForListener(folder string) (*os.File, error) {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockEvery) {
		lock, err := lockTruth(folder)
		if !errors.Is(err, ErrLocked) || time.Now().After(deadline) || !rebuilding(folder) {
			return lock, err
		}
	}
}

func rebuilding(folder string) bool {
	lock, err := lockFile(folder, rebuildLockName, unix.LOCK_SH)
	if err == nil {
		lock.Close()
	}
	return errors.Is(err, unix.EWOULDBLOCK)
}

// lockForRebuild waits a little, for a Prune lets go between its steps.
func lockForRebuild(ctx context.Context, folder string) (*os.File, error) {
	for deadline := time.Now().Add(lockPatience); ; {
		lock, err := lockFile(folder, rebuildLockName, unix.LOCK_EX)
		switch {
		case !errors.Is(err, unix.EWOULDBLOCK):
			return lock, err
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%w in %s: wait for its end", ErrRebuilding, folder)
		}
		if err := sleep(ctx, lockEvery); err != nil {
			return nil, err
		}
	}
}

const (
	lockEvery    = 10 * time.Millisecond
	lockPatience = 5 * time.Second
)

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// lockFile locks a file, or gives EWOULDBLOCK. It stays when the lock is released:
// removing it would let two holders in.
func lockFile(folder, name string, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
