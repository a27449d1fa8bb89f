package zmq

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/pebbe/zmq4"
)

// receive reads a bounded number of requests, so that answers are sent in between.
func (s *Server) receive(handle func(Request)) error {
	for i := 0; i < 100 && s.room(); i++ {
		q, err := s.next()
		if is(err, syscall.EAGAIN) {
			// Who has been handed a request goes first: this goroutine now waits in libzmq, and would keep a processor
			// from it until another thread has woken up.
			runtime.Gosched()
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if s.gate != nil && q.Client == "" {
			s.unknown.Add(1)
			continue
		}
		s.open++
		s.held += q.size
		handle(q)
	}
	return nil
}

// next receives one request, else EAGAIN.
func (s *Server) next() (Request, error) {
	q := Request{ended: new(atomic.Bool), to: s.answers}
	if s.side.routed {
		id, _, err := receiveFrame(s.socket)
		if err != nil {
			return Request{}, err
		}
		q.route.peer = id
	}
	frames, count, of, err := s.body()
	if err != nil {
		return Request{}, err
	}
	q.Peer, q.Client = peerAddress(of[peerProperty]), of[userProperty]
	s.side.read(&q, frames, count)
	for _, f := range frames {
		q.size += int64(len(f))
	}
	return q, nil
}

// body receives a message, without the connection's id: the first maxFrames frames, how many there were, and what
// libzmq says of the peer. That is read off the first of them, for a frame with the id has none in libzmq 4.3.4 (trap 1).
func (s *Server) body() (frames [][]byte, count int, of map[string]string, err error) {
	var first []byte
	properties := []string{peerProperty}
	if s.gate != nil {
		properties = append(properties, userProperty)
	}
	if s.guard.alerted() {
		properties = append(properties, fileProperty)
		defer func() { s.guard.heard(of[fileProperty]) }()
	}
	err = again(func() error {
		first, of, err = s.socket.RecvBytesWithMetadata(zmq4.DONTWAIT, properties...)
		return err
	})
	if err != nil {
		return nil, 0, nil, err
	}
	frames, count = [][]byte{first}, 1
	more, err := s.socket.GetRcvmore()
	if err == nil && more {
		var rest [][]byte
		var n int
		rest, n, err = receiveFrames(s.socket, maxFrames-1)
		frames, count = append(frames, rest...), count+n
	}
	return frames, count, of, err
}

// Metadata that libzmq adds to each frame: where it came from, where a gate admitted the peer the key it came with, and
// the number of the connection's file (private to libzmq, for its option ZMQ_SRCFD, which it gives no other way to ask).
const (
	peerProperty = "Peer-Address"
	userProperty = "User-Id"
	fileProperty = "__fd"
)
