package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/message"
)

// lockWait is how long a line waits for the file's lock. Who holds it longer than
// the microseconds of a line is stuck.
const lockWait = 5 * time.Second

// line gives the container in a frame as one line.
func line(frame []byte) ([]byte, error) {
	container, err := message.Payload(frame)
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(container)+2)
	if !bytes.ContainsAny(container, "\n\r") {
		return append(append(text, container...), '\n'), nil
	}
	compact := bytes.NewBuffer(text)
	if err := json.Compact(compact, container); err != nil {
		return nil, err
	}
	return append(compact.Bytes(), '\n'), nil
}

// append writes text at the end, after ending the line that somebody's crash
// has left without a newline.
func (f *File) append(text []byte) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	torn, err := f.torn(size)
	if err != nil {
		return err
	}
	if torn {
		text = append([]byte("\n"), text...)
	}
	if n, err := f.file.Write(text); err != nil {
		return errors.Join(err, f.takeBack(size, int64(n)))
	}
	return nil
}

func (f *File) torn(size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	last := make([]byte, 1)
	if _, err := f.file.ReadAt(last, size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// takeBack removes the n bytes that were written of a line, as on a full disk,
// unless somebody without the lock has written since.
func (f *File) takeBack(size, n int64) error {
	info, err := f.file.Stat()
	if err != nil || n == 0 || info.Size() != size+n {
		return err
	}
	return f.file.Truncate(size)
}

func (f *File) lock(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, fmt.Errorf("file: %s has been locked by another program for %s", f.path, lockWait))
	defer cancel()
	for {
		err := unix.Flock(int(f.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("file: locking %s: %w", f.path, err)
		}
		if !sleep(ctx, time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

func (f *File) unlock() error {
	if err := unix.Flock(int(f.file.Fd()), unix.LOCK_UN); err != nil {
		return fmt.Errorf("file: unlocking %s: %w", f.path, err)
	}
	return nil
}

// sleep waits for d and returns true, or false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
