package queue

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	// walAhead is by how many bytes the WAL is longer than what is in it.
	walAhead = 1 << 20
	// walRoom is how much has to be free for that: the last of a disk is for messages.
	walRoom = 64 * walAhead
)

// walTail makes the WAL longer before that is needed. A commit that makes a file
// longer has to put the file's size on disk too, a second write that a lone
// message would wait for. SQLite starts at the WAL's beginning again after a
// checkpoint, so this is done once for each byte; it takes zeroes for the end.
// Source: https://www.sqlite.org/fileformat2.html section 4.1.
type walTail struct {
	file   *os.File
	size   int64 // of the file, as it was when it was looked at last
	zeroes []byte
}

func openWALTail(folder string) (*walTail, error) {
	// Appended, never written to a place: a command that purges dead letters may write
	// the WAL at the very moment, and what it wrote must not become zeroes.
	f, err := os.OpenFile(filepath.Join(folder, fileName+"-wal"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return &walTail{file: f, zeroes: make([]byte, walAhead)}, nil
}

// grow sees to it that there is room beyond used bytes, half of walAhead at least.
func (t *walTail) grow(used int64) error {
	if t.size >= used+walAhead/2 {
		return nil
	}
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	t.size = info.Size()
	missing := min(used+walAhead-t.size, walAhead)
	if missing <= walAhead/2 || !t.mayGrow() {
		return nil
	}
	n, err := t.file.Write(t.zeroes[:missing])
	t.size += int64(n)
	if err != nil {
		return err
	}
	return t.file.Sync()
}

func (t *walTail) mayGrow() bool {
	var fs unix.Statfs_t
	err := unix.Fstatfs(int(t.file.Fd()), &fs)
	return err == nil && int64(fs.Bavail)*fs.Bsize >= walRoom
}
