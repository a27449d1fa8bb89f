package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// watch sees a listener's handler at work.
type watch struct {
	handler string       // as the configuration says it
	seen    chan glimpse // what the handler has done
	closer  io.Closer    // ends the goroutine that looks, which then closes seen
}

// glimpse is what there was of a handler's work at a moment.
type glimpse struct {
	at   time.Time
	text string
}

// watchFile sees a file handler write its lines.
func watchFile(file string) (*watch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := w.Add(filepath.Dir(file)); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	see := &watch{handler: fmt.Sprintf("{file: %q}", file), seen: make(chan glimpse, 1000), closer: w}
	go func() {
		defer close(see.seen)
		for event := range w.Events {
			if at := time.Now(); event.Has(fsnotify.Write) {
				text, _ := os.ReadFile(file)
				see.seen <- glimpse{at, string(text)}
			}
		}
	}()
	return see, nil
}

// watchProgram sees an exec handler's program, dd, read the container: it
// writes what it has read into a pipe.
func watchProgram(pipe string) (*watch, error) {
	dd, err := exec.LookPath("dd")
	if err != nil {
		return nil, err
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(pipe, os.O_RDWR, 0) // to write, too: so the pipe never ends
	if err != nil {
		return nil, err
	}
	see := &watch{handler: fmt.Sprintf("{exec: [%q, %q, status=none]}", dd, "of="+pipe), seen: make(chan glimpse, 1000), closer: f}
	go func() {
		defer close(see.seen)
		for buffer := make([]byte, 4096); ; {
			n, err := f.Read(buffer)
			if err != nil {
				return
			}
			see.seen <- glimpse{time.Now(), string(buffer[:n])}
		}
	}()
	return see, nil
}

// await tells when the handler had the message of that id.
func (w *watch) await(ctx context.Context, id string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		select {
		case g, more := <-w.seen:
			if !more {
				return time.Time{}, errors.New("the handler is watched no more")
			}
			if strings.Contains(g.text, `"`+id+`"`) {
				return g.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("no handler has message %s: %w", id, ctx.Err())
		}
	}
}

// close ends the watch and waits for it.
func (w *watch) close() {
	_ = w.closer.Close()
	for range w.seen {
	}
}
