package zmq

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/pebbe/zmq4"
)

// A CURVE key has so many bytes, and so many characters as Z85 text (ZeroMQ RFC 32).
const (
	curveKey = 32
	z85Key   = 40
)

// CurveServer has a socket speak CURVE only (ZeroMQ RFC 26): all is encrypted, and the peers know whom they speak with by
// the key's public half. Whoever does not speak CURVE, or means another key, gets no further than the handshake.
type CurveServer struct {
	Secret string // 40 characters of Z85 text

	// Admits decides whom a connection may belong to, by the client's public key in hex (64 digits) and its address as in
	// Request.Peer. It is asked once for each connection, from one goroutine, and decides from memory: while it takes its
	// time no other handshake goes on. nil admits every key. A panic in it ends the Server.
	Admits func(client, address string) bool
}

// CurveClient has a socket speak CURVE with the one listener that has the secret half of Server, and with nobody else.
type CurveClient struct {
	Server string // the listener's public key, 40 characters of Z85 text
	Secret string // the client's own key, which it is known by; "" for one that lives as long as the Client or Server
}

// NewCurveSecret makes the secret half of a CURVE key pair, as 40 characters of Z85 text.
func NewCurveSecret() (string, error) {
	_, secret, err := zmq4.NewCurveKeypair()
	if err != nil {
		return "", fmt.Errorf("make a CURVE key pair: %w (libzmq without CURVE?)", err)
	}
	return secret, nil
}

// CurvePublic gives the public half that belongs to a secret one, both as 40 characters of Z85 text.
func CurvePublic(secret string) (string, error) {
	if err := CheckCurveKey(secret); err != nil {
		return "", err
	}
	public, err := zmq4.AuthCurvePublic(secret)
	if err != nil {
		return "", fmt.Errorf("no CURVE key: %w", err)
	}
	return public, nil
}

// CheckCurveKey says why a text is no CURVE key, secret or public, in Z85.
func CheckCurveKey(text string) error {
	_, err := CurveHex(text)
	return err
}

// CurveHex writes a CURVE key, 40 characters of Z85 text, as 64 hex digits: Z85 has characters that CFEngine would take
// for variables.
func CurveHex(text string) (string, error) {
	if len(text) != z85Key { // zmq4's Z85 functions panic on other lengths
		return "", errors.New("a CURVE key is 40 characters of Z85 text")
	}
	key := zmq4.Z85decode(text)
	if zmq4.Z85encode(key) != text { // zmq4 passes over characters that are none
		return "", errors.New("no CURVE key: a character of it is none of Z85")
	}
	return hex.EncodeToString([]byte(key)), nil
}

// set puts the socket into the server's role. Who does that has bound a gate in the socket's context before: without one
// libzmq would let in every client key (facts/zeromq.md, trap 2).
func (c *CurveServer) set(s *zmq4.Socket) error {
	if c == nil {
		return nil
	}
	return errors.Join(s.SetCurveServer(1), s.SetCurveSecretkey(c.Secret), s.SetZapDomain("messages"))
}

func (c *CurveServer) check() error {
	if c == nil {
		return nil
	}
	return wrapCurve("its own CURVE key", CheckCurveKey(c.Secret))
}

// withSecret checks the keys and makes a key of its own for a client that has none.
func (c *CurveClient) withSecret() (*CurveClient, error) {
	if c == nil {
		return nil, nil
	}
	whole := *c
	var err error
	if whole.Secret == "" {
		whole.Secret, err = NewCurveSecret()
	}
	return &whole, errors.Join(err, wrapCurve("the listener's CURVE key", CheckCurveKey(c.Server)), wrapCurve("the client's CURVE key", CheckCurveKey(whole.Secret)))
}

// set puts the socket into the client's role; withSecret has been called.
func (c *CurveClient) set(s *zmq4.Socket) error {
	if c == nil {
		return nil
	}
	public, err := CurvePublic(c.Secret)
	return errors.Join(err, s.SetCurveServerkey(c.Server), s.SetCurvePublickey(public), s.SetCurveSecretkey(c.Secret))
}

func wrapCurve(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}
