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
// Server and not yet read is not answered; the peers send it again. Serve returns nil then, and an error only when
// libzmq fails. It can be called once.
func (s *Server) Serve(ctx context.Context, handle func(Request)) error {
	if s.used.Swap(true) {
		return errors.New("this Server was served or closed before")
	}
	stop := context.AfterFunc(ctx, s.answers.wake)
	defer stop()
	defer s.guard.start()()
	following, cancel := context.WithCancel(ctx)
	wait := s.followAll(following)
	err := s.loop(ctx, handle)
	cancel()
	wait()
	linger := lastWords
	if !s.side.answers { // subscriptions for a publisher that is not there would be waited with
		linger = 0
	}
	return errors.Join(err, s.end(linger))
}

func (s *Server) loop(ctx context.Context, handle func(Request)) error {
	var end time.Time // of the draining, once ctx has ended
	for {
		if err := s.gate.failure(); err != nil {
			return err
		}
		if ctx.Err() != nil && end.IsZero() {
			end = time.Now().Add(s.options.Drain)
		}
		if !end.IsZero() && (s.open == 0 || !time.Now().Before(end)) {
			return nil
		}
		if err := s.turn(handle, end.IsZero()); err != nil {
			return err
		}
	}
}

// turn waits for something to do, sends the answers there are and reads the requests there is room for.
func (s *Server) turn(handle func(Request), read bool) error {
	listen, wait := zmq4.State(0), slice // while draining, the time is looked at
	if read {
		wait = time.Second
	}
	if read && s.room() {
		listen = zmq4.POLLIN
	}
	s.guard.reads(listen == zmq4.POLLIN)
	if _, err := s.poller.UpdateBySocket(s.socket, listen); err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	readable, err := poll(s.poller, wait)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	s.sendAnswers()
	s.move()
	for _, p := range readable {
		if p.Socket == s.socket {
			return s.receive(handle)
		}
	}
	return nil
}

func (s *Server) room() bool {
	return s.open < s.options.Outstanding && s.held < s.options.OutstandingBytes
}

func (s *Server) sendAnswers() {
	s.gathered = s.answers.take(s.gathered)
	for _, a := range s.gathered {
		s.open--
		s.held -= a.size
		if a.send && s.side.answers && s.send(a) != nil {
			s.unsent.Add(1)
		}
	}
	clear(s.gathered) // let the payloads go
}

func (s *Server) send(a answer) error {
	if s.side.routed {
		s.frames = append(append(s.frames[:0], a.route.peer), a.route.prefix...)
		s.frames = append(s.frames, a.payload)
		defer clear(s.frames)
		return sendFrames(s.socket, s.frames...)
	}
	return sendFrames(s.socket, a.payload)
}
