package zmq

import "fmt"

// maxFrames is how many frames of one request are kept; the others are read and dropped.
const maxFrames = 16

// route is the way back to who asked: the ROUTER's id of the connection, and the frames to repeat before the answer.
type route struct {
	peer   []byte
	prefix [][]byte
}

// parseRoute cuts what a ROUTER received (without the connection's id) into the frames that the answer must repeat
// and the payload (facts/zeromq.md 3.4):
//
//	[empty][payload]                    REQ, or a DEALER that writes the delimiter
//	[id][empty][payload]                REQ with REQ_CORRELATE, our own Client
//	[hop]...[id][empty][payload]        the same through relays (zmq_proxy)
//	[id][payload]                       DEALER without delimiter
//	[payload]                           DEALER without id
//
// count is how many frames came, frames those that were kept. fault says what is wrong, "" when nothing; the prefix is
// then still what the sender most likely waits for, and the payload the first frame after it, nil without one.
func parseRoute(frames [][]byte, count int) (prefix [][]byte, payload []byte, fault string) {
	start := payloadStart(frames)
	prefix = frames[:start]
	if start < len(frames) {
		payload = frames[start]
	}
	switch n := count - start; {
	case n == 0:
		return prefix, nil, "no payload: one frame expected after the empty one"
	case payload == nil:
		return prefix, nil, fmt.Sprintf("%d frames, at most %d expected", count, maxFrames)
	case n > 1:
		return prefix, payload, fmt.Sprintf("%d payload frames, one expected", n)
	}
	return prefix, payload, ""
}

func payloadStart(frames [][]byte) int {
	for i, f := range frames {
		if len(f) == 0 {
			return i + 1
		}
	}
	return min(1, len(frames)-1)
}
