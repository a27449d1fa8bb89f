package promise

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A reader reads messages in a goroutine of its own, so that the end of input is
// seen while a promise is evaluated. It reads one message at a time, and only when
// asked to: after terminate nothing reads any more.
type reader struct {
	in      io.Reader
	wanted  chan struct{} // asks for one message; closed to end the goroutine
	arrived chan arrival  // has room for that message, so the goroutine never waits here
	done    chan struct{} // closed when the goroutine has ended
	pending bool          // a message was asked for and not yet taken
}

type arrival struct {
	frame frame
	err   error
}

// newReader starts the goroutine; ended is called in it when input ends or fails.
func newReader(in io.Reader, maxLine int, ended func()) *reader {
	r := &reader{in: in, wanted: make(chan struct{}, 1), arrived: make(chan arrival, 1), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		f := newFramer(in, maxLine)
		for range r.wanted {
			frame, err := f.next()
			if err != nil {
				ended()
			}
			r.arrived <- arrival{frame, err}
		}
	}()
	return r
}

// readOn has the next message read. What next returned before is no longer valid.
func (r *reader) readOn() {
	r.pending = true
	r.wanted <- struct{}{}
}

// next waits for the message that readOn asked for, or for the end of ctx. The end
// of input is io.EOF.
func (r *reader) next(ctx context.Context) (frame, error) {
	if ctx.Err() != nil {
		return frame{}, context.Cause(ctx)
	}
	select {
	case a := <-r.arrived:
		r.pending = false
		if a.err != nil && a.err != io.EOF {
			return frame{}, fmt.Errorf("reading from cf-agent: %w", a.err)
		}
		return a.frame, a.err
	case <-ctx.Done():
		return frame{}, context.Cause(ctx)
	}
}

// stop ends the goroutine and waits for it, but for one case: it is blocked in a
// Read that can't be interrupted. It then ends when that Read returns.
func (r *reader) stop() {
	close(r.wanted)
	if !r.pending {
		<-r.done
		return
	}
	conn, ok := r.in.(interface{ SetReadDeadline(time.Time) error })
	if !ok || conn.SetReadDeadline(time.Unix(1, 0)) != nil {
		return
	}
	<-r.done
	_ = conn.SetReadDeadline(time.Time{}) // it took one a moment ago
}
