package zmq

import (
	"errors"
	"fmt"

	"github.com/pebbe/zmq4"
)

// side is what the listener's end of one pattern has of its own (DESIGN.md section 5).
type side struct {
	kind    zmq4.Type
	routed  bool // messages begin with the id of their connection
	answers bool
	prepare func(*zmq4.Socket, ServerOptions) error
	read    func(q *Request, frames [][]byte, count int) // takes what was received, without the connection's id
}

func sideOf(pattern string) (side, error) {
	switch pattern {
	case "", "request", "async_request":
		return side{kind: zmq4.ROUTER, routed: true, answers: true, prepare: prepareRequest, read: readRequest}, nil
	case "publish":
		return side{kind: zmq4.SUB, prepare: subscribe, read: readPublish}, nil
	case "push":
		return side{kind: zmq4.PULL, prepare: nothing, read: readPlain}, nil
	case "pair":
		// No heartbeats, although each peer that found the pair taken keeps a file descriptor until the socket is closed
		// (trap 7): libzmq 4.3.4 and 4.3.5 abort the process when one is due for such a peer that has gone
		// (stream_engine_base.cpp, timer_event: out_event asserts !_io_error).
		return side{kind: zmq4.PAIR, answers: true, prepare: nothing, read: readPlain}, nil
	}
	return side{}, fmt.Errorf("unknown pattern %q: request, async_request, publish, push or pair", pattern)
}

func nothing(*zmq4.Socket, ServerOptions) error {
	return nil
}

func prepareRequest(s *zmq4.Socket, _ ServerOptions) error {
	// No ROUTER_HANDOVER: with a peer's identity a stranger would get its answers.
	return s.SetRouterMandatory(1) // an answer to a peer that has gone is an error, not silence
}

func subscribe(s *zmq4.Socket, o ServerOptions) error {
	topics := o.Topics
	if len(topics) == 0 {
		topics = []string{""}
	}
	var err error
	for _, t := range topics {
		err = errors.Join(err, s.SetSubscribe(t))
	}
	return err
}

func readRequest(q *Request, frames [][]byte, count int) {
	q.route.prefix, q.Payload, q.Fault = parseRoute(frames, count)
}

func readPublish(q *Request, frames [][]byte, count int) {
	if count == 1 {
		q.Payload = frames[0]
		return
	}
	q.Topic, q.Payload = string(frames[0]), frames[1]
	if count > 2 {
		q.Fault = fmt.Sprintf("%d payload frames, one expected after the topic", count-1)
	}
}

func readPlain(q *Request, frames [][]byte, count int) {
	q.Payload = frames[0]
	if count > 1 {
		q.Fault = fmt.Sprintf("%d payload frames, one expected", count)
	}
}
