package zmq

import (
	"net/netip"
	"strings"
	"sync/atomic"
)

// Request is what a peer sent. Each one must be ended by Reply or Drop, since the Server reads no further once
// ServerOptions.Outstanding requests are open.
type Request struct {
	Topic   string // publish: what it was published under, "" for a lone payload
	Payload []byte // the caller's to keep; nil where a faulty request has none
	Peer    string // where it came from: an IP address, IPv4 written as such; for ipc "ipc:UID:GID:PID" of the process. Not proof of who sent it
	Client  string // the public key, in hex, of the CURVE client that sent it: proved, as ServerOptions.Curve admitted it; "" without CURVE
	Fault   string // why this is no request of DESIGN.md section 5, "" for a good one; it can be answered like any other

	route route
	size  int64
	ended *atomic.Bool
	to    *answers
}

// Reply sends the answer. Any goroutine may call it, and it never waits; the first Reply or Drop counts, others do
// nothing. Where the pattern has no answers it sends nothing, like Drop; a pair's goes to whoever is its peer by then.
// It says nothing about arrival: where the peer has gone or does not read, the answer is dropped and counted
// (Server.Unsent). The payload must not be changed afterwards.
func (q Request) Reply(payload []byte) {
	q.end(payload, true)
}

// Drop ends the request without an answer: its sender waits in vain.
func (q Request) Drop() {
	q.end(nil, false)
}

func (q Request) end(payload []byte, send bool) {
	if q.ended.Swap(true) {
		return
	}
	q.to.put(answer{route: q.route, payload: payload, send: send, size: q.size})
}

// peerAddress makes libzmq's Peer-Address comparable: on a dual-stack socket an IPv4 peer is ::ffff:192.0.2.1, and on
// ipc it is localhost:UID:GID:PID.
func peerAddress(metadata string) string {
	if a, err := netip.ParseAddr(metadata); err == nil {
		return a.Unmap().String()
	}
	if credentials, found := strings.CutPrefix(metadata, "localhost:"); found {
		return "ipc:" + credentials
	}
	return metadata
}
