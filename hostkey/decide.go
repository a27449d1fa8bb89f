package hostkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// Decide puts decisions into a file, each in the place of an earlier one about
// its key; one without a State takes that back. What returns without an error is on disk. Two programs that decide
// at once wait for each other, until ctx ends.
func Decide(ctx context.Context, file string, decisions ...Decision) error {
	unlock, err := lockFile(ctx, file+".lock")
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	defer unlock()
	all, err := ReadDecisions(file)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		all = slices.DeleteFunc(all, func(was Decision) bool { return was.Digest == d.Digest })
		if d.State != "" {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Decision) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	if _, err := decidedOf(all); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return writeState(file, all)
}

// lockWait is the pause between two looks at a lock that is held.
const lockWait = 10 * time.Millisecond

func lockFile(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := giveTo(f, filepath.Dir(file)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
		}
		select {
		case <-time.After(lockWait):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s stays locked by another program: %w", file, context.Cause(ctx)), f.Close())
		}
	}
}

// writeState replaces a file so that after a power failure it is the old one or
// the new one, and belongs to whom its folder belongs: root may decide, and the
// listener must read it.
func writeState(file string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(file)
	f, err := renameio.NewPendingFile(file, renameio.WithTempDir(folder), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.Write(append(text, '\n')); err != nil {
		return err
	}
	if err := giveTo(f.File, folder); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncFolder(folder)
}

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

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
