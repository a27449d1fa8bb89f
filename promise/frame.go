package promise

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// A framer cuts what the agent sends into messages: a line, and an empty line after
// it. Whatever comes, it stays in step: one message is what ends in an empty line.
type framer struct {
	in      *bufio.Reader
	maxLine int    // in bytes, without the line's end
	line    []byte // the message's first line; used again for the next message
	lines   int    // how many the message has
	tooLong bool
}

func newFramer(in io.Reader, maxLine int) *framer {
	return &framer{in: bufio.NewReaderSize(in, 64<<10), maxLine: maxLine}
}

// A frame is one message. Its line is valid until the next one is read.
type frame struct {
	line    []byte
	refused error // the message is not one line of bearable length
}

// next reads a message. The error is io.EOF between messages (an empty line may be
// missing before it), io.ErrUnexpectedEOF within a line, or the reader's own.
func (f *framer) next() (frame, error) {
	f.line, f.lines, f.tooLong = f.line[:0], 0, false
	for {
		empty, err := f.readLine()
		switch {
		case err == io.EOF && f.lines > 0:
			return f.frame(), nil
		case err != nil:
			return frame{}, err
		case empty && f.lines > 0:
			return f.frame(), nil
		case !empty:
			f.lines++
		}
	}
}

func (f *framer) frame() frame {
	switch {
	case f.tooLong:
		return frame{refused: fmt.Errorf("a request of this promise is longer than the %d bytes that this module takes: make its attributes smaller", f.maxLine)}
	case f.lines > 1:
		return frame{refused: errors.New("cannot read the agent's request: it is not one line")}
	}
	return frame{line: f.line}
}

// readLine reads to the end of a line. It keeps the first line of a message, up to
// the limit, and drops the rest.
func (f *framer) readLine() (empty bool, err error) {
	empty = true
	for {
		piece, err := f.in.ReadSlice('\n')
		ended := err == nil
		if ended {
			piece = piece[:len(piece)-1]
		}
		empty = empty && len(piece) == 0
		f.keep(piece)
		switch {
		case ended:
			return empty, nil
		case err == io.EOF && !empty:
			return false, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return empty, err
		}
	}
}

func (f *framer) keep(piece []byte) {
	switch {
	case f.lines > 0:
	case len(piece) > f.maxLine-len(f.line):
		f.tooLong = true
	default:
		f.line = append(f.line, piece...)
	}
}
