package zmq

import (
	"encoding/hex"
	"fmt"
)

// Status codes of ZAP (ZeroMQ RFC 27). Nobody is answered 300: its client would wait for its handshake's end.
const (
	zapAdmitted = "200"
	zapRefused  = "400"
	zapFault    = "500"
)

// zapFrames is how many a CURVE request has: version, request id, domain, address, identity, mechanism, client key.
const zapFrames = 7

// answerZAP gives the frames that answer a request of ZAP 1.0: whether a connection is admitted and, as its user id, the
// client's key in hex. Of the request only the mechanism, the key and the address count; the identity is what a client
// says of itself, and proves nothing.
func answerZAP(request [][]byte, admits func(client, address string) bool) [][]byte {
	status, text, client := judgeZAP(request, admits)
	id := []byte{}
	if len(request) > 1 {
		id = request[1]
	}
	return [][]byte{[]byte("1.0"), id, []byte(status), []byte(text), []byte(client), {}}
}

func judgeZAP(request [][]byte, admits func(client, address string) bool) (status, text, client string) {
	switch {
	case len(request) < 6 || string(request[0]) != "1.0":
		return zapFault, "no request of ZAP 1.0", ""
	case string(request[5]) != "CURVE":
		return zapRefused, "CURVE only", ""
	case len(request) != zapFrames || len(request[6]) != curveKey:
		return zapFault, fmt.Sprintf("no CURVE key in %d frames", len(request)), ""
	}
	client = hex.EncodeToString(request[6])
	if admits != nil && !admits(client, peerAddress(string(request[3]))) {
		return zapRefused, "this key is not admitted", ""
	}
	return zapAdmitted, "OK", client
}
