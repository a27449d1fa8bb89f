package zmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pebbe/zmq4"
)

// lastWords is how long libzmq may take to write the last answers to the system, when a peer does not read.
const lastWords = time.Second

// Serve gives each request to handle, one after another in this goroutine, and sends what Reply is given, until ctx
// ends. handle must not wait for anything: it hands the request on, into a channel of capacity ServerOptions.Outstanding
// at least, which then never is full.
//
// When ctx ends, Serve reads no more, sends the answers to all open requests until the last is ended or
// ServerOptions.Drain has passed, writes them out, for a second at most, and closes everything. What was sent to the
// Router and not yet read is not answered; the peers send it again. Serve returns nil then, and an error only when
// libzmq fails. It can be called once.
func (r *Router) Serve(ctx context.Context, handle func(Request)) error {
	if r.used.Swap(true) {
		return errors.New("this Router was served or closed before")
	}
	stop := context.AfterFunc(ctx, r.answers.wake)
	defer stop()
	err := r.loop(ctx, handle)
	return errors.Join(err, r.end(lastWords))
}

func (r *Router) loop(ctx context.Context, handle func(Request)) error {
	var end time.Time // of the draining, once ctx has ended
	for {
		if ctx.Err() != nil && end.IsZero() {
			end = time.Now().Add(r.options.Drain)
		}
		if !end.IsZero() && (r.open == 0 || !time.Now().Before(end)) {
			return nil
		}
		if err := r.turn(handle, end.IsZero()); err != nil {
			return err
		}
	}
}

// turn waits for something to do, sends the answers there are and reads the requests there is room for.
func (r *Router) turn(handle func(Request), read bool) error {
	listen, wait := zmq4.State(0), slice // while draining, the time is looked at
	if read {
		wait = time.Second
	}
	if read && r.room() {
		listen = zmq4.POLLIN
	}
	if _, err := r.poller.UpdateBySocket(r.socket, listen); err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	readable, err := poll(r.poller, wait)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	r.sendAnswers()
	for _, p := range readable {
		if p.Socket == r.socket {
			return r.receive(handle)
		}
	}
	return nil
}

func (r *Router) room() bool {
	return r.open < r.options.Outstanding && r.held < r.options.OutstandingBytes
}

func (r *Router) sendAnswers() {
	for _, a := range r.answers.take() {
		r.open--
		r.held -= a.size
		if a.send && r.send(a) != nil {
			r.unsent.Add(1)
		}
	}
}

func (r *Router) send(a answer) error {
	frames := append([][]byte{a.route.peer}, a.route.prefix...)
	return sendFrames(r.socket, append(frames, a.payload)...)
}
