package zmq

import "context"

// Request sends payload to the endpoint (see ParseEndpoint) and gives the answer's bytes, which are the caller's.
// It ends at ctx's deadline, or after ClientOptions.Timeout where there is none, and within 50 ms of ctx's cancellation.
// All requests to one endpoint share a connection, however many are under way, and are answered in any order.
//
// The error is an *Error whose Kind says how far it came. A refused connection or a broken handshake is reported at
// once, not at the deadline; trying again is up to the caller. The message is delivered at least once or an error is
// returned: after Disconnected and the kinds that follow it the message may have arrived, and on a kept connection that
// breaks it is sent again over a new one, so the listener must know a message by its id (DESIGN.md section 5). Nothing
// of a failed request is given to libzmq after Request has returned.
func (c *Client) Request(ctx context.Context, endpoint string, payload []byte) ([]byte, error) {
	to, err := ParseEndpoint(endpoint)
	if err != nil {
		return nil, &Error{Kind: BadEndpoint, Endpoint: endpoint, Err: err}
	}
	var answer []byte
	err = c.call(ctx, endpoint, payload, func(ctx context.Context) error {
		link, err := c.requestsTo(to)
		if err == nil {
			answer, err = link.exchange(ctx, payload)
		}
		return err
	})
	return answer, err
}
