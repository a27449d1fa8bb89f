package handler

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
)

const (
	outputLimit = 16 << 10 // bytes kept of each of a program's two streams
	textLimit   = 1000     // bytes of an error or a line of output, as told
)

// output takes a program's output without end and keeps its beginning, and apart
// from it the last line, which tends to say why it failed.
type output struct {
	kept    []byte
	dropped int64
	tail    []byte // of what was dropped, at most textLimit
}

func (o *output) Write(p []byte) (int, error) {
	n := min(len(p), outputLimit-len(o.kept))
	o.kept = append(o.kept, p[:n]...)
	rest := p[n:]
	o.dropped += int64(len(rest))
	o.tail = append(o.tail, rest[max(0, len(rest)-textLimit):]...)
	o.tail = o.tail[max(0, len(o.tail)-textLimit):]
	return len(p), nil
}

// log logs each line, and that there were more.
func (o *output) log(log *slog.Logger, level slog.Level, stream string) {
	for line := range strings.Lines(string(o.kept)) {
		if line = printable(line); line != "" {
			log.Log(context.Background(), level, "program says", "stream", stream, "line", line)
		}
	}
	if o.dropped > 0 {
		log.Log(context.Background(), level, "program says more, which is not kept", "stream", stream, "bytes", o.dropped)
	}
}

// last gives the last line that is not empty, "" when there is none.
func (o *output) last() string {
	text := o.kept
	if o.dropped > 0 {
		text = o.tail
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return printable(lines[len(lines)-1])
}

// printable makes a text fit to be shown: one line without control characters,
// for part of it may come from a message, and not too long.
func printable(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	if len(text) > textLimit {
		text = strings.ToValidUTF8(text[:textLimit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
