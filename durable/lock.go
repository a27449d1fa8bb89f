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
// other processes that lock it wait, until their ctx ends.
func Lock(ctx context.Context, file string) (unlock func(), err error) {
	l, err := OpenLock(file)
	if err != nil {
		return nil, err
	}
	if err := l.Hold(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return func() { l.Close() }, nil
}

// A LockFile is a lock file that stays open, for who holds it again and again. One
// goroutine uses it at a time. The file stays: removing it would let two holders in.
type LockFile struct {
	name string
	file *os.File
	is   os.FileInfo
}

// OpenLock opens a lock file, made where it is missing, its folder too.
func OpenLock(file string) (*LockFile, error) {
	f, err := openLock(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &LockFile{name: file, file: f, is: info}, nil
}

// Hold locks it until Release or Close. It looks again and again instead of waiting
// in flock(2), which knows no deadline: whoever holds the lock may be stopped.
func (l *LockFile) Hold(ctx context.Context) error {
	for wait := time.Millisecond; ; wait = min(2*wait, maxLockWait) {
		err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", l.name, err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return fmt.Errorf("%s stays locked by another process, which `fuser %[1]s` names: %w", l.name, ctx.Err())
		}
	}
}

// Stands tells whether it still is the file of its name, which others would lock.
// Who keeps one open asks after each Hold, and opens it anew where it is not.
func (l *LockFile) Stands() bool {
	now, err := os.Stat(l.name)
	return err == nil && os.SameFile(l.is, now)
}

// Release lets others hold it.
func (l *LockFile) Release() error { return unix.Flock(int(l.file.Fd()), unix.LOCK_UN) }

// Close releases it, and gives it back.
func (l *LockFile) Close() error { return l.file.Close() }

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
