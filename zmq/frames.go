package zmq

import (
	"syscall"

	"github.com/pebbe/zmq4"
)

// sendFrames sends one message and never waits: EAGAIN when it would, EHOSTUNREACH from a ROUTER that does not know
// the peer. Only the first frame can fail so; what follows belongs to a message already accepted.
func sendFrames(s *zmq4.Socket, frames ...[]byte) error {
	for i, f := range frames {
		flags := zmq4.DONTWAIT
		if i < len(frames)-1 {
			flags |= zmq4.SNDMORE
		}
		if err := again(func() error { _, err := s.SendBytes(f, flags); return err }); err != nil {
			return err
		}
	}
	return nil
}

// receiveFrame receives a frame that is already there, else EAGAIN.
func receiveFrame(s *zmq4.Socket) (frame []byte, more bool, err error) {
	err = again(func() error { frame, err = s.RecvBytes(zmq4.DONTWAIT); return err })
	if err != nil {
		return nil, false, err
	}
	more, err = s.GetRcvmore()
	return frame, more, err
}

// receiveFrames receives a message that is already there, else EAGAIN. It keeps the first limit frames and drops the
// rest; count is how many there were.
func receiveFrames(s *zmq4.Socket, limit int) (frames [][]byte, count int, err error) {
	for more := true; more; count++ {
		var f []byte
		if f, more, err = receiveFrame(s); err != nil {
			return nil, 0, err
		}
		if count < limit {
			frames = append(frames, f)
		}
	}
	return frames, count, nil
}

// bind and connect do what a signal may end before anything was done, as libzmq looks for commands first.
func bind(s *zmq4.Socket, address string) error {
	return again(func() error { return s.Bind(address) })
}

func connect(s *zmq4.Socket, address string) error {
	return again(func() error { return s.Connect(address) })
}

// again repeats a call that does not wait when a signal ended it.
func again(call func() error) error {
	for {
		if err := call(); !is(err, syscall.EINTR) {
			return err
		}
	}
}
