package promise

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLines bounds the log lines of an answer. cf-agent counts them in 16 bits
	// (n_log_msgs in mod_custom.c), so that 65,536 info lines would count as none.
	maxLines = 4096

	// maxLineBytes bounds the text of one log line, before it is made visible.
	maxLineBytes = 16 << 10
)

// level is how loud a log line is. cf-agent exits on a level it does not know
// (LogLevelFromString in libntech), hence a closed set.
type level int

const (
	levelCritical level = iota + 1
	levelError
	levelWarning
	levelNotice
	levelInfo
	levelVerbose
	levelDebug
)

var levelNames = [...]string{
	levelCritical: "critical", levelError: "error", levelWarning: "warning", levelNotice: "notice",
	levelInfo: "info", levelVerbose: "verbose", levelDebug: "debug",
}

// A Log is a text for cf-agent to log at one level. A text of several lines
// becomes several log lines, without the blank ones. Control characters (other
// than tab) and bytes that are not UTF-8 are shown as \x1b: terminals and log
// readers are safe from texts that come from elsewhere. What is over 16 KiB in a
// line is cut off, and its length told. The zero Log logs nothing.
type Log struct {
	level level
	lines []string
}

// Critical is for a fault of the module itself.
func Critical(text string) Log { return Log{levelCritical, lines(text)} }

// Error is for why a promise is not kept.
func Error(text string) Log { return Log{levelError, lines(text)} }

// Warning is for what would be changed, and for what needs attention.
func Warning(text string) Log { return Log{levelWarning, lines(text)} }

// Notice is for what an operator should see in every run.
func Notice(text string) Log { return Log{levelNotice, lines(text)} }

// Info is for changes made. cf-agent shows it with --inform.
func Info(text string) Log { return Log{levelInfo, lines(text)} }

// Verbose is for how things went. cf-agent shows it with --verbose.
func Verbose(text string) Log { return Log{levelVerbose, lines(text)} }

// Debug is for the author of a module. cf-agent shows it with --debug.
func Debug(text string) Log { return Log{levelDebug, lines(text)} }

// or returns l, or where l has no line, another text at the same level.
func (l Log) or(text string) Log {
	if len(l.lines) == 0 {
		l.lines = lines(text)
	}
	return l
}

// lines cuts a text where its lines end and makes each fit for the wire. There is
// one more than an answer can take where the text is longer than that.
func lines(text string) []string {
	var fit []string
	for piece := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if piece = strings.TrimRight(piece, " \t"); piece != "" {
			fit = append(fit, visible(shorten(piece, maxLineBytes)))
		}
		if len(fit) > maxLines {
			break
		}
	}
	return fit
}

// shorten cuts s after at most limit bytes, between characters, and says by how much.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s... (%d bytes more)", s[:end], len(s)-end)
}

// visible shows what is not text. The backslash itself needs no escape, as a log
// line is no JSON to the agent. A NUL would end the line (PromiseModule_Receive).
func visible(s string) string {
	if strings.IndexFunc(s, doubtful) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !doubtful(r), strings.HasPrefix(s[i:], string(utf8.RuneError)):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			fmt.Fprintf(&b, `\x%02x`, r)
		}
	}
	return b.String()
}

// doubtful reports whether visible has to look at r: a control character, or
// RuneError, which stands for a byte that is not UTF-8, or for itself.
func doubtful(r rune) bool {
	return unicode.IsControl(r) && r != '\t' || r == utf8.RuneError
}
