package hostkey

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// entry is what one file of the folder was found to be: a key or a problem,
// or a key with a problem.
type entry struct {
	stamp   stamp
	settled bool // see stamp.settled: when not, equal stamps prove nothing
	key     *TrustedKey
	problem error
}

// lookAt returns the entry for a file: was itself when the file has not
// changed since, nil when it is gone.
func lookAt(path string, was *entry, now time.Time) *entry {
	s, err := fileStamp(path)
	if err != nil {
		return unread(err)
	}
	same := was != nil && was.stamp == s
	if same && was.settled {
		return was
	}
	next := readKey(path, now)
	if same && next != nil && exhausted(next.problem) {
		return was
	}
	return next
}

func readKey(path string, now time.Time) *entry {
	f, err := openFile(path, syscall.O_NOFOLLOW)
	if errors.Is(err, syscall.ELOOP) {
		// A link's target can change or go without a sign in this folder.
		err = fmt.Errorf("%s: it is a symbolic link, which is not followed; copy the key here", path)
	}
	if err != nil {
		return unread(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return unread(fmt.Errorf("%s: %w", path, err))
	}
	data, err := readAll(f)
	if err != nil {
		return unread(fmt.Errorf("%s: %w", path, err))
	}
	e := &entry{stamp: stampOf(&st)}
	e.settled = e.stamp.settled(now)
	e.key, e.problem = parseTrusted(path, e.stamp, data)
	return e
}

// unread is the entry of a file that could not be read. It has no stamp, so
// the next scan tries again; when only we were in want, that scan is soon.
func unread(err error) *entry {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return &entry{problem: err, settled: !exhausted(err)}
}

// parseTrusted may return both, a key and a problem with it.
func parseTrusted(path string, s stamp, data []byte) (*TrustedKey, error) {
	if s.writableByOthers() {
		return nil, fmt.Errorf("%s: everybody may write it, so it proves nothing; run `chmod o-w %s` and check the key", path, path)
	}
	k, err := ParsePublic(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	trusted := &TrustedKey{Key: k, File: path, ModTime: time.Unix(0, s.mtime)}
	return trusted, checkName(trusted)
}

// checkName returns a problem when the file carries the digest of another
// key (cf-serverd names it <user>-<digest>.pub): the key in it is trusted all
// the same, and whoever removes a host by its digest would miss it.
func checkName(k *TrustedKey) error {
	name := strings.TrimSuffix(filepath.Base(k.File), ".pub")
	md5, sha := CommunityDigest(&k.Key.key), string(k.Key.Digest())
	named := strings.Contains(name, md5Prefix) || strings.Contains(name, shaPrefix)
	if !named || strings.HasSuffix(name, md5) || strings.HasSuffix(name, sha) {
		return nil
	}
	return fmt.Errorf("%s: its name is not that of the key in it, %s (%s), which is trusted; rename or remove it", k.File, sha, md5)
}

// exhausted tells whether err says nothing about the file, only that this
// process has no descriptor or memory left to look.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}
