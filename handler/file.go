package handler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/queue"
)

// File appends each message to a file: the container as received and a newline.
// A container that was sent over several lines is brought onto one.
//
// Before each line it looks whether the path still is the file that it has open;
// where that was moved away or removed it opens, and makes, a new one. So a
// rotation loses no line, with logrotate best by "nocreate" (the new file has
// mode 0640 less the umask) and "delaycompress"; "copytruncate" loses what is
// written between copying and truncating.
//
// A line is one write at the file's end, under an advisory lock (flock), so that
// several Files, also of other processes, may write to one path.
type File struct {
	path     string
	file     *os.File
	info     os.FileInfo // of file when it was opened
	unsynced error       // an fsync that failed since the last Flush: lines may be lost
}

const fileMode = 0o640

// NewFile checks the path: it must be absolute, in a folder that is there, and a
// regular file where it is there already. The file is opened with the first line.
func NewFile(path string) (*File, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("file: %q: name the whole path, beginning with /", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, missingFolder(path, err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, irregular(path)
	}
	return &File{path: filepath.Clean(path)}, nil
}

func missingFolder(path string, err error) error {
	return fmt.Errorf("file: %w: make the folder, writable for the listener's user: mkdir -p %s", err, filepath.Dir(path))
}

func irregular(path string) error {
	return fmt.Errorf("file: %s is not a regular file: name another path, or use exec", path)
}

// Name is "file" and the path.
func (f *File) Name() string { return "file " + f.path }

// Handle appends the line of m. After an error the file holds none of it, or its
// beginning on a line of its own.
func (f *File) Handle(ctx context.Context, m queue.Message) error {
	text, err := line(m.Frame)
	if err != nil {
		return Permanent(err)
	}
	if err := f.open(ctx); err != nil {
		return err
	}
	if err := f.append(text); err != nil {
		return errors.Join(fmt.Errorf("file: %w", err), f.unlock())
	}
	return f.unlock()
}

// open returns with the path's file open and locked.
func (f *File) open(ctx context.Context) error {
	for range 10 {
		if f.file == nil {
			if err := f.openPath(); err != nil {
				return err
			}
		}
		if err := f.lock(ctx); err != nil {
			return err
		}
		now, err := os.Stat(f.path)
		if err == nil && os.SameFile(now, f.info) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("file: %w", err), f.unlock())
		}
		f.letGo() // moved or removed; closing unlocks
	}
	return fmt.Errorf("file: %s is moved away as soon as it is opened: look what rotates it", f.path)
}

func (f *File) openPath() error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, fileMode)
	if errors.Is(err, fs.ErrNotExist) {
		return missingFolder(f.path, err)
	}
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(f.path)
	}
	if err == nil {
		err = durable.SyncFolder(filepath.Dir(f.path)) // it may be new
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.info = file, info
	return nil
}

// letGo closes the file after an fsync, and remembers for Flush whether that failed.
func (f *File) letGo() {
	if f.file == nil {
		return
	}
	f.unsynced = errors.Join(f.unsynced, f.file.Sync(), f.file.Close())
	f.file, f.info = nil, nil
}

// Flush puts the lines on disk (fsync), those in files moved away since too.
// After an fsync that failed the kernel may have dropped lines for good, and says
// so only once; therefore the file is opened anew.
func (f *File) Flush() error {
	if f.file != nil {
		if err := f.file.Sync(); err != nil {
			f.unsynced = errors.Join(f.unsynced, err)
			f.letGo()
		}
	}
	err := f.unsynced
	f.unsynced = nil
	if err != nil {
		return fmt.Errorf("file: %s: %w", f.path, err)
	}
	return nil
}

// Reopen closes the file; the next line opens what the path then names. An fsync
// that fails is told by the next Flush.
func (f *File) Reopen() error {
	f.letGo()
	return nil
}

// Close flushes and closes the file.
func (f *File) Close() error {
	f.letGo()
	return f.Flush()
}
