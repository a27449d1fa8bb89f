package zmq

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// run sends what waits and reads what comes, until Close.
func (s *Sender) run() error {
	for {
		if err := s.gate.failure(); err != nil {
			return err
		}
		s.waker.rest()
		s.readSubscriptions()
		more, closed := s.sendWaiting()
		if closed {
			return nil
		}
		if _, err := s.poller.UpdateBySocket(s.socket, more); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		if _, err := poll(s.poller, time.Second); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
	}
}

// breaks ends the Sends that wait, and those to come, when run failed.
func (s *Sender) breaks(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = fail(Failed, "%w", err)
	for _, h := range s.waiting {
		h.done <- s.broken
	}
	s.waiting = nil
	return err
}

// readSubscriptions takes in a bounded number of them, so that a crowd does not hold up what is to be sent.
func (s *Sender) readSubscriptions() {
	for range 1000 {
		frame, _, err := receiveFrame(s.socket)
		if err != nil {
			return
		}
		if on, topic, ok := subscription(frame); ok && s.options.Subscribed != nil {
			s.options.Subscribed(topic, on)
		}
	}
}

// subscription reads 1 and a beginning of topics that a peer wants, or 0 and one that it wants no more (ZeroMQ
// RFC 29). libzmq takes any frame of a message for one.
func subscription(frame []byte) (on bool, topic string, ok bool) {
	if len(frame) == 0 || frame[0] > 1 {
		return false, "", false
	}
	return frame[0] == 1, string(frame[1:]), true
}

// sendWaiting sends as much as libzmq takes; more is what to poll for then. Under the lock, so that nothing is sent
// that was withdrawn.
func (s *Sender) sendWaiting() (more zmq4.State, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 {
		err := sendFrames(s.socket, s.waiting[0].frames...)
		if is(err, syscall.EAGAIN) {
			return zmq4.POLLIN | zmq4.POLLOUT, s.closed
		}
		if err != nil {
			err = fail(Failed, "send: %w", err)
		}
		s.waiting[0].done <- err
		s.waiting[0] = nil // else the list would hold it
		s.waiting = s.waiting[1:]
	}
	return zmq4.POLLIN, s.closed
}

// withdraw takes back what was not yet sent; the error is why then, else how sending it went.
func (s *Sender) withdraw(h *handover, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, h); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return why
	}
	return <-h.done
}
