package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// Limits bound one answer. The zero value of each means its default.
type Limits struct {
	Rows    int           // of one container; 10000
	Bytes   int           // of the data; 5 MiB, which is what CFEngine reads (facts/cfengine.md 6.3)
	Time    time.Duration // to wait for a reader, and then for the answer; 2 s
	Readers int           // at once; the number of processors, beyond which all only wait longer (facts/storage.md 10.1)
}

func (l Limits) withDefaults() Limits {
	if l.Rows <= 0 {
		l.Rows = 10_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 5 << 20
	}
	if l.Time <= 0 {
		l.Time = 2 * time.Second
	}
	if l.Readers <= 0 {
		l.Readers = runtime.NumCPU()
	}
	return l
}

// Options are a Runner's. Open is required.
type Options struct {
	// Open opens the truth for reading. The connection is the Runner's alone, which
	// guards and closes it.
	Open   func(context.Context) (*sqlite.Conn, error)
	Limits Limits
}

// Runner answers views. Its methods may be called from any goroutine. Other
// views, after a reload, are another Runner's.
type Runner struct {
	set     *Set
	options Options
	// readers holds those that nobody uses, nil where one has still to be opened.
	readers chan *reader
}

// NewRunner makes a Runner, and opens nothing yet.
func NewRunner(set *Set, o Options) *Runner {
	o.Limits = o.Limits.withDefaults()
	r := &Runner{set: set, options: o, readers: make(chan *reader, o.Limits.Readers)}
	for range o.Limits.Readers {
		r.readers <- nil
	}
	return r
}

// Close waits for the answers under way and closes the truth. Nothing may be
// asked afterwards.
func (r *Runner) Close() error {
	var problems []error
	for range r.options.Limits.Readers {
		if reader := <-r.readers; reader != nil {
			problems = append(problems, reader.conn.Close())
		}
	}
	return errors.Join(problems...)
}

// Run answers a view for requester, whom a signature under a trusted key has
// proved. The error is ErrNotFound for a view that is not there or not for
// requester, *ParameterError, *LimitError, ErrBusy, ctx's, or says what is wrong
// with the view or the truth, which is not for the requester's eyes.
func (r *Runner) Run(ctx context.Context, name string, requester hostkey.Digest, p Parameters) (json.RawMessage, error) {
	v, ok := r.set.Find(name)
	if !ok || !v.For.Allows(requester) {
		return nil, ErrNotFound
	}
	return r.answer(ctx, v, requester, p)
}

// RunFor answers any view as it would be for a host, or for none (""). It asks
// for no right: it is for who may read the truth's file anyway.
func (r *Runner) RunFor(ctx context.Context, name string, host hostkey.Digest, p Parameters) (json.RawMessage, error) {
	v, ok := r.set.Find(name)
	if !ok {
		return nil, fmt.Errorf("%w as %q; there are: %v", ErrNotFound, name, r.set.Names())
	}
	return r.answer(ctx, v, host, p)
}

func (r *Runner) answer(ctx context.Context, v *View, host hostkey.Digest, p Parameters) (data json.RawMessage, err error) {
	values, err := v.bind(host, p)
	if err != nil {
		return nil, err
	}
	err = r.with(ctx, func(ctx context.Context, reader *reader) error {
		data, err = reader.answer(ctx, v, values, r.options.Limits)
		return err
	})
	return data, err
}

// with lends a reader for a bounded time.
func (r *Runner) with(ctx context.Context, use func(context.Context, *reader) error) error {
	reader, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer func() { r.readers <- reader }()
	bounded, cancel := context.WithTimeout(ctx, r.options.Limits.Time)
	defer cancel()
	if reader == nil {
		if reader, err = r.open(bounded); err != nil {
			return err
		}
	}
	err = use(bounded, reader)
	if reader.broken {
		err = errors.Join(err, reader.conn.Close())
		reader = nil
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (r *Runner) take(ctx context.Context) (*reader, error) {
	select {
	case reader := <-r.readers:
		return reader, nil
	default:
	}
	timer := time.NewTimer(r.options.Limits.Time)
	defer timer.Stop()
	select {
	case reader := <-r.readers:
		return reader, nil
	case <-timer.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
