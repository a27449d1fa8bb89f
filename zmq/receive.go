package zmq

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/pebbe/zmq4"
)

// receive reads a bounded number of requests, so that answers are sent in between.
func (r *Router) receive(handle func(Request)) error {
	for i := 0; i < 100 && r.room(); i++ {
		q, err := r.next()
		if is(err, syscall.EAGAIN) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		r.open++
		r.held += q.size
		handle(q)
	}
	return nil
}

// next receives one request, else EAGAIN.
func (r *Router) next() (Request, error) {
	id, _, err := receiveFrame(r.socket)
	if err != nil {
		return Request{}, err
	}
	frames, count, peer, err := r.body()
	if err != nil {
		return Request{}, err
	}
	q := Request{Peer: peerAddress(peer), ended: new(atomic.Bool), to: r.answers}
	q.route.peer = id
	q.route.prefix, q.Payload, q.Fault = parseRoute(frames, count)
	for _, f := range frames {
		q.size += int64(len(f))
	}
	return q, nil
}

// body receives what follows the connection's id: the first maxFrames frames, how many there were, and the peer's
// address. That is read off the first of them, for the frame with the id has none in libzmq 4.3.4 (trap 1).
func (r *Router) body() (frames [][]byte, count int, peer string, err error) {
	var first []byte
	var metadata map[string]string
	err = again(func() error {
		first, metadata, err = r.socket.RecvBytesWithMetadata(zmq4.DONTWAIT, peerProperty)
		return err
	})
	if err != nil {
		return nil, 0, "", err
	}
	frames, count = [][]byte{first}, 1
	more, err := r.socket.GetRcvmore()
	if err == nil && more {
		var rest [][]byte
		var n int
		rest, n, err = receiveFrames(r.socket, maxFrames-1)
		frames, count = append(frames, rest...), count+n
	}
	return frames, count, metadata[peerProperty], err
}

// peerProperty is the metadata that libzmq adds to each frame.
const peerProperty = "Peer-Address"
