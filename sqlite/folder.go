package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/durable"
)

// makeFile makes an empty file of mode 0600, from which SQLite takes the mode of
// its -wal and -shm. A file that is there is not opened: closing it would release
// the locks that another connection of this process has on it.
// Source: https://www.sqlite.org/howtocorrupt.html section 2.2.
func makeFile(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.Chmod(path, 0o600))
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), durable.SyncFolder(filepath.Dir(path)))
}
