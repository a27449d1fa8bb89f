package promise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// DefaultMaxLine is the longest request that a Server takes unless told otherwise,
// in bytes. Agents send strings of many MiB whole, newer ones six bytes for each
// that is not ASCII.
const DefaultMaxLine = 64 << 20

// ErrAgentGone is the cause of the end of a Type's context when the agent closed
// its end of the conversation, as it does when it is killed.
var ErrAgentGone = errors.New("promise: cf-agent is gone")

// A Server holds the conversation with cf-agent for a promise type.
type Server struct {
	Name    string // of the module, without spaces; by custom TYPE_promise_module
	Version string // of the module, without spaces
	Type    Type
	MaxLine int // the longest request, in bytes; DefaultMaxLine where zero. A longer one is answered with an error
}

// Serve reads requests from in and writes answers to out, until the agent says
// terminate or ends its input, which both are nil, or until ctx ends, which is its
// cause. Other errors tell that the two can't talk: a header that is not cf-agent's
// or of another version, input that ends within a request, a failing in or out.
//
// Nothing else may write to out. Input is read in a goroutine, which Serve waits
// for. Only where ctx ends or out fails can a Read be under way: where in has a
// SetReadDeadline that works, as connections and Go's own pipes, it is interrupted;
// elsewhere, as with a standard input that is a plain pipe, the goroutine stays
// until the Read returns, reads no further, and drops what came.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	if err := s.serve(ctx, in, out); err != nil {
		return fmt.Errorf("promise: %w", err)
	}
	return nil
}

func (s *Server) serve(ctx context.Context, in io.Reader, out io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := newReader(in, s.maxLine(), func() { cancel(ErrAgentGone) })
	defer r.stop()

	r.readOn()
	if err := s.greet(ctx, r, out); err != nil {
		return err
	}
	r.readOn()
	for {
		f, err := r.next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		q := parseRequest(f)
		if q.operation != opTerminate {
			r.readOn()
		}
		if err := write(out, s.answer(work, q).encode()); err != nil {
			return err
		}
		if q.operation == opTerminate {
			return nil
		}
	}
}

// check returns an error for a Server that cf-agent could not be presented with: it
// takes the words of the header by their number.
func (s *Server) check() error {
	switch {
	case s.Type == nil:
		return errors.New("the Server has no Type")
	case !oneWord(s.Name):
		return fmt.Errorf("the Server's Name is %q, but must be one word of ASCII", s.Name)
	case !oneWord(s.Version):
		return fmt.Errorf("the Server's Version is %q, but must be one word of ASCII", s.Version)
	}
	return nil
}

func oneWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (s *Server) maxLine() int {
	if s.MaxLine > 0 {
		return s.MaxLine
	}
	return DefaultMaxLine
}

// greet exchanges headers. The agent comes first.
func (s *Server) greet(ctx context.Context, r *reader, out io.Writer) error {
	f, err := r.next(ctx)
	if err == io.EOF {
		return errors.New("the input ended before cf-agent's header: this program is a promise module, to be started by cf-agent")
	}
	if err != nil {
		return err
	}
	if f.refused != nil {
		return fmt.Errorf("expected cf-agent's header: %w", f.refused)
	}
	if err := checkHeader(f.line); err != nil {
		return err
	}
	return write(out, header(s.Name, s.Version))
}

func write(out io.Writer, text []byte) error {
	if _, err := out.Write(text); err != nil {
		return fmt.Errorf("answering cf-agent: %w", err)
	}
	return nil
}
