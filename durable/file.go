// Package durable writes small state files so that a power failure leaves the
// old one or the new one, whole, and holds locks that programs of one host share.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// Write replaces a file, readable by its owner alone: temporary file beside it,
// fsync, rename, fsync of the folder, which it makes where it is missing. What
// returns without an error is on disk.
func Write(file string, data []byte) error {
	folder := filepath.Dir(file)
	if err := MakeFolder(folder); err != nil {
		return err
	}
	if err := Replace(file, data); err != nil {
		return err
	}
	return SyncFolder(folder)
}

// Replace is Write without the folder, which must be there: where several files
// are written, SyncFolder follows once. Where root writes for another user, as by
// a command beside a listener, the file is his whose folder it is.
func Replace(file string, data []byte) error {
	folder := filepath.Dir(file)
	// Not renameio.WriteFile, which keeps the mode of the old file.
	f, err := renameio.NewPendingFile(file, renameio.WithTempDir(folder), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = giveTo(f.File, folder)
	}
	if err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		return errors.Join(err, f.Cleanup())
	}
	return nil
}

// giveTo gives a file that root has made to whom its folder belongs.
func giveTo(f *os.File, folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || os.Geteuid() != 0 || owner.Uid == 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// MakeFolder makes a folder (0700) and those above it, each on disk before what
// will lie in it. One that is there is left as it is.
func MakeFolder(folder string) error {
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(folder)
	if err := MakeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncFolder(above)
}

// SyncFolder makes the entries of a folder survive a power failure (fsync(2)).
func SyncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}
