package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// newLog makes the log of a listener: on stderr, in text, or in JSON lines.
func newLog(format string) (*slog.Logger, error) {
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, nil)), nil
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, textOptions())), nil
	}
	return nil, usageError{fmt.Errorf("--log-format: expected text or json, found %q", format)}
}

// textOptions leaves the time out where the journal adds its own.
func textOptions() *slog.HandlerOptions {
	if !toJournal() {
		return nil
	}
	return &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
}

// toJournal tells whether stderr is the stream that systemd gave to this
// service, rather than one that was put in its place (systemd.exec(5),
// JOURNAL_STREAM).
func toJournal() bool {
	var s unix.Stat_t
	return unix.Fstat(int(os.Stderr.Fd()), &s) == nil && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}

// isTerminal tells whether people read along.
func isTerminal(w io.Writer) bool {
	f, isFile := w.(*os.File)
	return isFile && term.IsTerminal(int(f.Fd()))
}
