package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// writeDurably replaces a state file, for root alone: temporary file beside it,
// fsync, rename, fsync of the folder, which it makes where it is missing.
func writeDurably(file string, data []byte) error {
	folder := filepath.Dir(file)
	if err := makeFolder(folder); err != nil {
		return err
	}
	if err := replaceFile(file, data); err != nil {
		return err
	}
	return syncFolder(folder)
}

// replaceFile is writeDurably without the folder, which several files share.
func replaceFile(file string, data []byte) error {
	folder := filepath.Dir(file)
	// Not renameio.WriteFile, which keeps the mode of the old file.
	f, err := renameio.NewPendingFile(file, renameio.WithTempDir(folder), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		return errors.Join(err, f.Cleanup())
	}
	return nil
}

// makeFolder makes a folder and those above it, each on disk before what will
// lie in it.
func makeFolder(folder string) error {
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(folder)
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(above)
}

// tornAfter is the age at which a temporary file is none that is being written:
// that takes milliseconds.
const tornAfter = time.Hour

// sweep removes the temporary files that killed modules left in the folders of
// the state; their names begin with a dot. What cannot be removed now is left to
// the next run, for it does no harm but to take up room.
func sweep(state string, now time.Time) {
	for _, folder := range []string{state, outboxFolder(state), filepath.Join(state, "delivered"), filepath.Join(state, "views")} {
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				continue // there may be thousands
			}
			info, err := e.Info()
			if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > tornAfter {
				_ = os.Remove(filepath.Join(folder, e.Name()))
			}
		}
	}
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// maxLockWait bounds the wait between two looks at a lock that is held.
const maxLockWait = 10 * time.Millisecond

// lock holds a lock file until unlock; two agents at once wait for each other
// for the milliseconds that a write takes. It looks again and again instead of
// waiting in flock(2), which knows no deadline: whoever holds the lock may be
// stopped.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	if err := makeFolder(filepath.Dir(file)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
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
