package hostkey

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stamp is what changes about a file or folder when its content does.
type stamp struct {
	device, inode uint64
	mode          uint32
	size          int64
	mtime, ctime  int64 // nanoseconds
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{
		device: uint64(st.Dev), inode: st.Ino, mode: uint32(st.Mode), size: st.Size,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}

// settled tells whether a change after now must show in the stamp: times on
// disk advance in steps, on some file systems of two seconds.
func (s stamp) settled(now time.Time) bool {
	return now.Sub(time.Unix(0, s.ctime)) > 2*time.Second
}

// writableByOthers tells whether anybody on this machine may change it. The
// group's right is the site's own choice.
func (s stamp) writableByOthers() bool { return s.mode&unix.S_IWOTH != 0 }

// folderStamp follows symbolic links: the folder itself may be one.
func folderStamp(dir string) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return stamp{}, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	return stampOf(&st), nil
}

// fileStamp does not follow symbolic links.
func fileStamp(path string) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return stamp{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return stampOf(&st), nil
}
