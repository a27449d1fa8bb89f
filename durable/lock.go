package durable

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// maxLockWait bounds the wait between two looks at a lock that is held.
const maxLockWait = 10 * time.Millisecond

// Lock holds a lock file, made where it is missing, its folder too, until unlock;
// other processes that lock it wait, until their ctx ends. It looks again and
// again instead of waiting in flock(2), which knows no deadline: whoever holds the
// lock may be stopped. The file stays: removing it would let two holders in.
func Lock(ctx context.Context, file string) (unlock func(), err error) {
	f, err := openLock(file)
	if err != nil {
		return nil, err
	}
	for wait := time.Millisecond; ; wait = min(2*wait, maxLockWait) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s stays locked by another process, which `fuser %s` names: %w", file, file, ctx.Err()), f.Close())
		}
	}
}

func openLock(file string) (*os.File, error) {
	folder := filepath.Dir(file)
	if err := MakeFolder(folder); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := giveTo(f, folder); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
