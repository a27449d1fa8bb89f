package truth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another process writes the truth of this folder.
var ErrLocked = errors.New("in use by a listener or a rebuild")

// lockTruth takes the truth of a folder for this process. The file stays when the
// lock is released: removing it would let two holders in.
func lockTruth(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "truth.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("the truth in %s is %w: stop that first", folder, ErrLocked)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
