package sqlite

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"
)

func TestRecovers(t *testing.T) {
	ioErr := func(extended sqlite3.ErrNoExtended, errno syscall.Errno) error {
		return fmt.Errorf("committing: %w", sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: extended, SystemErrno: errno})
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{sqlite3.Error{Code: sqlite3.ErrFull}, true},
		{sqlite3.Error{Code: sqlite3.ErrBusy}, true},
		{ioErr(sqlite3.ErrIoErrSHMSize, syscall.ENOSPC), true},
		{ioErr(sqlite3.ErrIoErrWrite, syscall.EDQUOT), true},
		{ioErr(sqlite3.ErrIoErrWrite, syscall.EIO), false},
		{ioErr(sqlite3.ErrIoErrFsync, syscall.EIO), false},
		{ioErr(sqlite3.ErrIoErrFsync, syscall.ENOSPC), false}, // what was not written is gone
		{sqlite3.Error{Code: sqlite3.ErrCorrupt}, false},
		{sqlite3.Error{Code: sqlite3.ErrReadonly}, false}, // remounted after an error
		{fs.ErrPermission, false},
	} {
		if got := Recovers(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}
